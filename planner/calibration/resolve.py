"""What a calibration says of one run: plain Python, so that an estimate starts fast."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from planner.calibration.traits import Traits
from planner.domain.calibration import GroupCalibration, NearSpot, ResourceCalibration, Spread, Within

MAX_NEAR = 8
"""So many of the nearest spots speak."""
SAME = 0.999
"""Likeness of spots that are alike in everything."""
FLAG_STEPS = 3.0
"""A switch that differs makes runs as unlike as so many doublings of one size."""
MUCH_ALIKE = 1.0
"""Distance up to which a run has one much like it: a doubling of one size."""
SHARED = "all runs"
NEAR = "near runs"
UNSEEN = "no runs of this kind yet: towards the physics"
MIN_LOG_SD = 0.02
"""Even a figure that the physics calls exact may be so far off."""


class Step(NamedTuple):
    """One step from the physics to the calibrated figure."""

    name: str
    log_effect: float
    num_runs: int


class Resolved(NamedTuple):
    """What is learnt of one resource of one run."""

    steps: tuple[Step, ...]
    log_bias: float
    log_sd: float
    """Predictive SD of the run's log ratio."""
    width_ratio: float
    """What past hits and misses demand of the interval."""
    spread: Spread
    group: str
    num_runs: int
    """Own runs: of the finest label that has any."""


class Asked(NamedTuple):
    """One run to be corrected."""

    traits: Traits
    terms: Mapping[str, float]
    stated_log_sd: float
    """Spread that the physics gives it."""


class Summed(NamedTuple):
    """The sum of a run's effects, before runs near it are asked."""

    steps: tuple[Step, ...]
    variance: float
    spread: Spread
    group: str
    num_runs: int


def resolve(
    learnt: ResourceCalibration, traits: Traits, terms: Mapping[str, float], stated_log_sd: float | None = None
) -> Resolved:
    """Effects, nearness and spread of a run, whatever of it was seen before.

    ``stated_log_sd`` is the spread that the physics gives this run; None: what it usually gave runs that were seen.
    """
    within = learnt.within(traits.kin)
    near = nearest(learnt.cells.get(traits.cell, ()), traits, within.reach)
    local, local_variance = krige(near, within)
    step = Step(NEAR, local, round(sum(spot.weight for _, spot in near))) if near else None
    is_near = bool(near) and near[0][0] >= math.exp(-MUCH_ALIKE / within.reach) - 1e-9
    same = min((within.noise_log_variance / spot.weight for alike, spot in near if alike > SAME), default=math.inf)
    own = Local(step, local_variance, same, is_near)
    return resolved(learnt, traits, summed(learnt, traits, terms, stated_log_sd), own)


def summed(
    learnt: ResourceCalibration, traits: Traits, terms: Mapping[str, float], stated_log_sd: float | None
) -> Summed:
    """What the labels and terms of a run tell."""
    steps: list[Step] = []
    together = learnt.joint_variance_ratios.get(traits.cell, learnt.unseen_variance_ratio)
    variance = together * learnt.shared_log_variance
    group, num_runs = SHARED, learnt.num_runs
    for kind, name, value in acting(traits, terms):
        known = learnt.kinds.get(kind)
        if known is None:
            continue
        effect = known.effects.get(name)
        if effect is None:
            variance += value**2 * known.log_variance
            continue
        is_term = kind.startswith("term")
        away = value - effect.centre if is_term else 1.0
        variance += together * away**2 * effect.log_variance
        steps.append(Step(name, value * effect.log_effect, effect.num_runs))
        if not is_term and kind != SHARED:
            group, num_runs = name, effect.num_runs
    spread = _spread(learnt.spreads, traits.groups, learnt.num_runs)
    stated = spread.estimate_log_sd if stated_log_sd is None else stated_log_sd
    held_back = _held_back(learnt, traits, stated, variance)
    if held_back:
        steps.append(Step(UNSEEN, -held_back * sum(step.log_effect for step in steps), 0))
    return Summed(tuple(steps), variance, spread, group, num_runs)


class Local(NamedTuple):
    """What runs near it tell of a run."""

    step: Step | None
    variance: float
    same: float
    """Variance that runs alike in everything leave; infinite without."""
    is_near: bool


def resolved(learnt: ResourceCalibration, traits: Traits, sums: Summed, near: Local) -> Resolved:
    """Effects and near runs together, which is known at least as well as runs alike in everything tell it."""
    steps = (*sums.steps, near.step) if near.step else sums.steps
    total = min(sums.variance + near.variance, near.same) + learnt.within(traits.kin).noise_log_variance
    ratio = sums.spread.scale_ratio * learnt.nearness_ratios[0 if near.is_near else 1]
    return Resolved(
        steps=steps,
        log_bias=sum(step.log_effect for step in steps),
        log_sd=ratio * math.sqrt(total),
        width_ratio=_width_ratio(learnt.width_ratios, traits.groups),
        spread=sums.spread,
        group=sums.group,
        num_runs=sums.num_runs,
    )


def _held_back(learnt: ResourceCalibration, traits: Traits, stated_log_sd: float, variance: float) -> float:
    """Share of the effects that does not hold for a run whose cell was never seen: there it is physics against history.

    Both say something of the run's log ratio, the physics that it is 0, each as unsure as it states: the mean of the
    two weighted by their precisions.
    """
    if traits.cell in learnt.cells:
        return 0.0
    stated = max(stated_log_sd, MIN_LOG_SD) ** 2
    return variance / (stated + variance)


def acting(traits: Traits, terms: Mapping[str, float]) -> Iterator[tuple[str, str, float]]:
    """Kind, name and multiplier of every effect that may act on a run."""
    yield SHARED, SHARED, 1.0
    for kind, name in traits.effects:
        yield kind, name, 1.0
    accelerator = traits.groups[1] if len(traits.groups) > 1 else "accelerator=unknown"
    for term, share in terms.items():
        yield f"term {term}", f"term {term}", share
        yield f"term {term} by accelerator", f"term {term}, {accelerator}", share


def nearest(spots: Sequence[NearSpot], traits: Traits, reach: float) -> list[tuple[float, NearSpot]]:
    """The nearest spots with their likeness to a run, 1 where they are alike in everything."""
    found = [(likeness(spot.position, spot.flags, traits.position, traits.flags, reach), spot) for spot in spots]
    found.sort(key=lambda pair: -pair[0])
    return found[:MAX_NEAR]


def likeness(
    position: Sequence[float], flags: Sequence[str], other: Sequence[float], others: Sequence[str], reach: float
) -> float:
    """exp(-distance / reach) in doublings; a flag that differs is ``FLAG_STEPS`` away.

    >>> round(likeness((1.0,), ("a",), (1.0,), ("b",), FLAG_STEPS), 3)
    0.368
    """
    square = sum((a - b) ** 2 for a, b in zip(position, other, strict=False))
    square += FLAG_STEPS**2 * sum(a != b for a, b in zip(flags, others, strict=False))
    return math.exp(-math.sqrt(square) / reach)


def krige(near: Sequence[tuple[float, NearSpot]], within: Within) -> tuple[float, float]:
    """Mean and variance of a run's own deviation, given those of its neighbours.

    Simple kriging (Rasmussen and Williams 2006, eq. 2.25 and 2.26) by Cholesky's factor.
    """
    own, noise, reach = within
    factor: list[list[float]] = []
    forward: list[tuple[float, float]] = []
    for row, (alike, spot) in enumerate(near):
        line: list[float] = []
        for column in range(row + 1):
            other = near[column][1]
            value = own * likeness(spot.position, spot.flags, other.position, other.flags, reach)
            if row == column:
                value += noise / spot.weight
            value -= sum(line[k] * factor[column][k] for k in range(column)) if row != column else 0.0
            if row != column:
                line.append(value / factor[column][column])
            else:
                line.append(math.sqrt(value - sum(entry**2 for entry in line)))
        factor.append(line)
        told = spot.log_ratio - sum(line[k] * forward[k][0] for k in range(row))
        asked = own * alike - sum(line[k] * forward[k][1] for k in range(row))
        forward.append((told / line[row], asked / line[row]))
    mean = sum(told * asked for told, asked in forward)
    return mean, max(own - sum(asked**2 for _, asked in forward), 0.0)


def _spread(spreads: Mapping[str, Spread], groups: Sequence[str], num_runs: int) -> Spread:
    for name in reversed(groups):
        if name in spreads:
            return spreads[name]
    return Spread(1.0, num_runs, 0.0)


def _width_ratio(ratios: Mapping[str, float], groups: Sequence[str]) -> float:
    for name in reversed(groups):
        if name in ratios:
            return ratios[name]
    return 1.0


def score_at(learnt: ResourceCalibration, level: float) -> float:
    """Predictive standard deviations within which a share ``level`` of runs lies: linear between stored levels."""
    stored = learnt.score_quantiles
    if level <= stored[0][0]:
        return stored[0][1] * level / stored[0][0]
    for (low, below), (high, above) in pairwise(stored):
        if level <= high:
            return below + (above - below) * (level - low) / (high - low)
    return stored[-1][1]


def as_group(learnt: ResourceCalibration, found: Resolved, level: float = 0.8) -> GroupCalibration:
    """A run's correction with its interval at ``level``, as one group's."""
    half_width = score_at(learnt, level) * found.log_sd * found.width_ratio
    return GroupCalibration(
        resource=learnt.resource,
        group=found.group,
        num_runs=found.num_runs,
        log_bias=found.log_bias,
        log_sd=found.log_sd,
        log_p10=found.log_bias - half_width,
        log_p90=found.log_bias + half_width,
        spread_runs=found.spread.num_runs,
        estimate_log_sd=found.spread.estimate_log_sd,
    )
