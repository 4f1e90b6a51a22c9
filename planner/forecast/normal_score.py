"""Quantiles to a distribution: a standard normal score z to the value at it."""

import math

import numpy as np

from planner.domain.estimate import Z_P90, Quantiles
from planner.forecast.occupancy import Floats


def at_normal_score(quantiles: Quantiles, z: Floats) -> Floats:
    """The value at each score, in the unit of the quantiles: p10, p50 and p90 lie at -1.28, 0 and 1.28.

    Lognormal with a spread of its own on each side of the median (two-piece, continuous); where p10 is 0, linear in z
    and never negative.
    """
    if quantiles.p10 > 0:
        low, high = log_spreads(quantiles)
        return quantiles.p50 * np.exp(z * np.where(z < 0, low, high))
    below, above = quantiles.p50 - quantiles.p10, quantiles.p90 - quantiles.p50
    return np.maximum(quantiles.p50 + z / Z_P90 * np.where(z < 0, below, above), 0.0)


def log_spreads(quantiles: Quantiles) -> tuple[float, float]:
    """Standard deviation of the logarithm below and above the median; zeros where p10 is 0."""
    if quantiles.p10 <= 0:
        return 0.0, 0.0
    return math.log(quantiles.p50 / quantiles.p10) / Z_P90, math.log(quantiles.p90 / quantiles.p50) / Z_P90
