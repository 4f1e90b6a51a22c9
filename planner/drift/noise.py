"""Noise of each group of runs: its own, shrunk towards all groups' as far as they are alike."""

import numpy as np

from planner.calibration.robust import WINSORISED_VARIANCE, Floats, Ints

ASSUMED_DEGREES = 10.0
MIN_PRIOR_DEGREES = 4.0
MAX_PRIOR_DEGREES = 200.0
ALIKE_FROM = 4
"""So many groups tell whether noise differs between groups."""


def pooled_noise(deviation: Floats, group: Ints, num_groups: int, assumed: Floats) -> tuple[Floats, Floats]:
    """Variance of the noise by group, and its degrees of freedom, from deviations about the groups' means.

    The groups' variances are taken as scaled inverse chi-squared about a common one (as Smyth 2004 does for genes);
    how alike they are is told by the spread of the observed ones beyond that of a sample: CV^2 = 2/d (1 + w) + w.
    ``assumed``: variance of a group without deviations of its own, by group.
    """
    counts = np.bincount(group, minlength=num_groups)
    degrees = np.maximum(counts - 1.0, 0.0)
    squares = np.bincount(group, weights=deviation**2, minlength=num_groups) / WINSORISED_VARIANCE
    own = degrees > 0
    if np.count_nonzero(own) < ALIKE_FROM or not squares[own].sum():
        prior, prior_degrees = assumed, np.full(num_groups, ASSUMED_DEGREES)
    else:
        common = float(squares[own].sum() / degrees[own].sum())
        ratio = squares[own] / degrees[own] / common
        weight = degrees[own] / degrees[own].sum()
        chance = float(np.sum(weight * 2 / degrees[own]))
        spread = max((float(np.sum(weight * (ratio - 1) ** 2)) - chance) / (1 + chance), 1e-9)
        held = min(MIN_PRIOR_DEGREES + 2 / spread, MAX_PRIOR_DEGREES)
        prior, prior_degrees = np.full(num_groups, common), np.full(num_groups, held)
    return (prior_degrees * prior + squares) / (prior_degrees + degrees), prior_degrees + degrees
