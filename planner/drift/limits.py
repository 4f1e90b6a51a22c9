"""The limit at which a chart alarms, from how many false alarms all charts together may give."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from planner.calibration.robust import WINSOR_LIMIT_SD, Floats
from planner.drift.run_length import alarm_probability, average_run_length

FALSE_ALARMS_PER_QUARTER = 0.25
"""Of all charts together: one a year."""
MIN_LIMIT = 5.0
"""However few charts there are: with ten runs for the mean half of them give no false alarm for 350 runs."""
MAX_LIMIT = 20.0
REFERENCE = 0.5
"""Half of the shift looked for, in SDs: k = .5 is the best for a shift of one SD (Page 1954)."""
HORIZON_RUNS = 40
"""Limits hold the chance of a false alarm within so many runs after a chart's start."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_VARIANCES = (0.0, 0.03, 0.1, 0.25, 0.6)


def reference_of(variance: Floats) -> Floats:
    """The reference for a mean that is itself uncertain; ``variance`` of the mean over that of a run's noise.

    What is still open about the level in control is no drift.
    """
    return REFERENCE + variance


def limits_of(variance: Floats, runs_per_quarter: Iterable[float]) -> Floats:
    """Limits in SDs for means with these variances (over the noise's), in a plant of charts with so many runs each.

    Every run has the same share of ``FALSE_ALARMS_PER_QUARTER``; the less is known of a mean, the higher its limit.
    """
    total = sum(runs_per_quarter)
    share = min(FALSE_ALARMS_PER_QUARTER * HORIZON_RUNS / total, 0.5) if total > 0 else 0.5
    rounded = float(f"{share:.1e}")
    limits = np.maximum.accumulate([_limit(rounded, known) for known in _VARIANCES])
    return np.interp(variance, _VARIANCES, limits)


@lru_cache(maxsize=1024)
def _limit(share: float, variance: float) -> float:
    """The lowest limit at which a chart alarms falsely within the horizon with at most this chance."""
    low, high = MIN_LIMIT, MAX_LIMIT
    if _false_alarms(low, variance) <= share:
        return low
    while high - low > 0.1:
        middle = (low + high) / 2
        low, high = (low, middle) if _false_alarms(middle, variance) <= share else (middle, high)
    return high


def _false_alarms(limit: float, variance: float) -> float:
    """Chance of a false alarm within the horizon, over all errors that the mean may have."""
    reference = REFERENCE + variance
    if variance == 0.0:
        return HORIZON_RUNS / average_run_length(limit, reference, 0.0, WINSOR_LIMIT_SD)
    errors = np.sqrt(variance) * np.abs(_NODES)
    chances = [alarm_probability(limit, HORIZON_RUNS, reference, float(error), WINSOR_LIMIT_SD) for error in errors]
    return float(np.dot(_WEIGHTS, chances) / _WEIGHTS.sum())
