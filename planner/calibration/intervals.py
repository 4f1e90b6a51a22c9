"""The physics' spread and the spread of past runs, put together."""

import math

from planner.domain.calibration import GroupCalibration
from planner.domain.estimate import Z_P90, Quantiles

PHYSICS_WEIGHT_RUNS = 0.25
"""The physics' own spread counts as much as the spread seen in so many runs.

The log of an SD seen in n runs has a variance of 1 / (2 n). The physics' spread was 1.7 to 12 times that of the runs
(measured on 72 small CPU runs and on published runs): an SD of 1.4 in the log, worth a quarter of a run.
"""
ORDINARY_RATIO = 1.2
"""Up to so many times the usual spread a run is no less certain than the past ones."""
MIN_PHYSICS_HALF_WIDTH = 0.01
"""Even a figure that the physics calls exact may be so far off once there are runs to hold it against."""


def combined_half_width(physics: float, learnt: float, *, spread_runs: int, excess_ratio: float = 0.0) -> float:
    """Distance from the median to p10 or p90, in the natural logarithm, from both spreads.

    Their geometric mean, the physics' with the weight of ``PHYSICS_WEIGHT_RUNS`` runs and the learnt one with the runs
    its width comes from: without runs the physics alone, with many the runs alone. That a group is small needs no
    weight here, the learnt spread holds it. ``excess_ratio`` is the share of the physics' variance that those runs
    cannot tell of; it is added.
    """
    if spread_runs == 0:
        return physics
    trust = spread_runs / (spread_runs + PHYSICS_WEIGHT_RUNS)
    both = max(physics, MIN_PHYSICS_HALF_WIDTH) ** (1 - trust) * learnt**trust
    return math.sqrt(both**2 + trust * excess_ratio * physics**2)


def excess_ratio(log_sd: float, usual_log_sd: float) -> float:
    """Share of the variance ``log_sd``^2 that is beyond an ordinary one; 0 up to it.

    >>> excess_ratio(0.6, 0.25), excess_ratio(0.3, 0.25)
    (0.75, 0.0)
    """
    ordinary = ORDINARY_RATIO * usual_log_sd
    return 1 - (ordinary / log_sd) ** 2 if log_sd > ordinary else 0.0


def calibrated(physics: Quantiles, group: GroupCalibration) -> Quantiles:
    """The quantiles of a quantity above 0, corrected by a group of past runs; each side has its own spread.

    What the physics is less certain of here than it was for those runs (say, a field not known this time) stays.
    A p10 of 0 has no logarithm: the upper spread then stands for both sides.
    """
    upper = math.log(physics.p90 / physics.p50)
    lower = math.log(physics.p50 / physics.p10) if physics.p10 > 0 else upper
    spread_runs = max(group.spread_runs, group.num_runs)
    beyond = excess_ratio((lower + upper) / (2 * Z_P90), group.estimate_log_sd)
    low, high = (
        combined_half_width(width, learnt, spread_runs=spread_runs, excess_ratio=beyond)
        for width, learnt in ((lower, group.log_bias - group.log_p10), (upper, group.log_p90 - group.log_bias))
    )
    p50 = physics.p50 * math.exp(group.log_bias)
    return Quantiles(p10=p50 * math.exp(-low), p50=p50, p90=p50 * math.exp(high))


def beyond(whole: float, part: float) -> float:
    """Spread of a product that one of its factors does not explain, both in the logarithm; 0 where it explains all."""
    return math.sqrt(max(whole**2 - part**2, 0.0))


def corrected_factor(product: Quantiles, factor: Quantiles, group: GroupCalibration) -> Quantiles:
    """A product of ``factor`` and something independent of it, of which ``group`` holds that something's past.

    The spread of the factor stays; what the physics spreads beyond it is put together with that of past runs.
    """

    def width(upper: float, lower: float) -> float:
        return math.log(upper / lower) if lower > 0 else 0.0

    whole = width(product.p50, product.p10), width(product.p90, product.p50)
    parts = width(factor.p50, factor.p10), width(factor.p90, factor.p50)
    own = [beyond(one, part) for one, part in zip(whole, parts, strict=True)]
    rest = Quantiles(p10=math.exp(-own[0]), p50=1.0, p90=math.exp(own[1]))
    found = calibrated(rest, group)
    low, high = (
        math.hypot(part, one)
        for part, one in zip(parts, (math.log(found.p50 / found.p10), math.log(found.p90 / found.p50)), strict=True)
    )
    p50 = product.p50 * found.p50
    return Quantiles(p10=p50 * math.exp(-low), p50=p50, p90=p50 * math.exp(high))
