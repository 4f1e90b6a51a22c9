"""Robust building blocks: medians by group, winsorised values, quantiles of Student's t."""

import numpy as np
from numpy.typing import NDArray

from planner.domain.estimate import Z_P90

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINSOR_LIMIT_SD = 2.5
"""Values further out than this many SDs count as this far out."""
WINSORISED_VARIANCE = 0.97757
"""Variance of a standard normal winsorised at 2.5: E min(z^2, 6.25)."""
MAD_TO_SD = 1.4826
"""SD of a normal over its median absolute deviation, 1 / 0.6745."""


def group_medians(values: Floats, codes: Ints, num_groups: int) -> Floats:
    """Median of the values of each group; 0 for a group without values."""
    counts = np.bincount(codes, minlength=num_groups)
    medians = np.zeros(num_groups)
    if values.size:
        ordered = values[np.lexsort((values, codes))]
        filled = counts > 0
        first = (np.cumsum(counts) - counts)[filled]
        size = counts[filled]
        medians[filled] = (ordered[first + (size - 1) // 2] + ordered[first + size // 2]) / 2
    return medians


def pooled_scale(deviations: Floats, group_sizes: Ints) -> float:
    """SD of values about the median of their group, from the median absolute deviation of all groups together.

    ``deviations`` are about the median of a value's group, ``group_sizes`` the size of that group, both one a value.
    A group of odd size holds its own median, a zero that says nothing: as many zeros are left out. In one of even size
    the median lies between two values and takes a degree of freedom from them. Right to a fifth from 3 values up.
    """
    if not deviations.size:
        return 0.0
    own_medians = round(float(np.sum((group_sizes % 2) / group_sizes)))
    freed = np.where(group_sizes % 2 == 0, np.sqrt(group_sizes / np.maximum(group_sizes - 1, 1)), 1.0)
    spread = np.sort(np.abs(deviations) * freed)[own_medians:]
    return MAD_TO_SD * float(np.median(spread)) if spread.size else 0.0


def winsorise(values: Floats, centre: Floats | float, scale: Floats | float) -> Floats:
    """Values pulled in to at most ``WINSOR_LIMIT_SD`` scales from their centre."""
    limit = WINSOR_LIMIT_SD * np.asarray(scale)
    return np.clip(values, centre - limit, centre + limit)


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """The value below which ``level`` of the weight lies, linear between the midpoints of the weights."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    midpoints = (share - weights[order] / 2) / share[-1]
    return float(np.interp(level, midpoints, values[order]))


def student_t_p90(degrees_of_freedom: Floats) -> Floats:
    """The .9 quantile of Student's t."""
    return student_t(Z_P90, degrees_of_freedom)


def student_t(z: float, degrees_of_freedom: Floats) -> Floats:
    """The quantile of Student's t at the level of the normal quantile ``z``: Abramowitz and Stegun 26.7.5.

    Right to .01 at the .9 quantile from 3 degrees of freedom up.
    """
    nu = np.maximum(degrees_of_freedom, 3.0)
    return np.asarray(
        z
        + (z**3 + z) / (4 * nu)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * nu**3)
    )
