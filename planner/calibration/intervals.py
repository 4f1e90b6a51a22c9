"""The physics' spread and the spread of past runs, put together."""

import math

import numpy as np

from planner.calibration.robust import Floats
from planner.domain.calibration import GroupCalibration
from planner.domain.estimate import Z_P90, Quantiles

PHYSICS_WEIGHT_RUNS = 5.0
"""The physics' own spread counts as much as the spread seen in so many runs."""


def combined_half_width(
    physics: Floats | float, learnt: Floats | float, learnt_physics_log_sd: Floats | float, num_runs: Floats | float
) -> Floats:
    """Distance from the median to p10 or p90, in the natural logarithm, from both spreads.

    Variances are averaged, the physics' with the weight of ``PHYSICS_WEIGHT_RUNS`` runs and the learnt one with the
    runs behind it: without runs the physics alone, with many the runs alone. What the physics is less certain of here
    than it was for those runs (say, a field not known this time) they cannot tell, so that excess stays.
    """
    trust = np.asarray(num_runs) / (np.asarray(num_runs) + PHYSICS_WEIGHT_RUNS)
    variance = np.square(physics)
    excess = np.maximum(0.0, variance - np.square(Z_P90 * np.asarray(learnt_physics_log_sd)))
    return np.asarray(np.sqrt((1 - trust) * variance + trust * (np.square(learnt) + excess)))


def calibrated(physics: Quantiles, group: GroupCalibration) -> Quantiles:
    """The quantiles of a quantity above 0, corrected by a group of past runs; each side has its own spread.

    A p10 of 0 has no logarithm: the upper spread then stands for both sides.
    """
    upper = math.log(physics.p90 / physics.p50)
    lower = math.log(physics.p50 / physics.p10) if physics.p10 > 0 else upper
    low, high = (
        float(combined_half_width(width, learnt, group.estimate_log_sd, group.num_runs))
        for width, learnt in ((lower, group.log_bias - group.log_p10), (upper, group.log_p90 - group.log_bias))
    )
    p50 = physics.p50 * math.exp(group.log_bias)
    return Quantiles(p10=p50 * math.exp(-low), p50=p50, p90=p50 * math.exp(high))
