"""The range of an estimate at another level than the 80 % that it holds."""

from statistics import NormalDist

from planner.calibration.resolve import score_at
from planner.domain.calibration import ResourceCalibration
from planner.domain.estimate import Z_P90, Quantiles

TOLD_LEVEL = 0.8


def range_at(told: Quantiles, level: float, learnt: ResourceCalibration | None) -> tuple[float, float]:
    """Lower and upper end of the range that holds a share ``level`` of runs, each side with its own spread.

    As much wider than the 80 % range as scores of left-out runs say (split conformal: Lei et al. 2018); without any the
    figure counts as lognormal. A p10 of 0 stays the lower end.
    """
    if told.p50 <= 0:
        return told.p10, told.p90
    if learnt is None:
        stretch = NormalDist().inv_cdf((1 + level) / 2) / Z_P90
    else:
        stretch = score_at(learnt, level) / score_at(learnt, TOLD_LEVEL)
    return told.p50 * (told.p10 / told.p50) ** stretch, told.p50 * (told.p90 / told.p50) ** stretch
