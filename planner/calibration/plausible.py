"""Runs that cannot be what they seem: figures in another unit, an experiment unlike all others."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median

from planner.calibration.compare import Case
from planner.domain.estimate import Resource

SLIPS = {10**3: "1000 or 1024", 10**6: "1000^2 or 1024^2", 10**9: "1000^3 or 1024^3"}
"""Factors between units of one quantity: kilo and kibi, mega and mebi, giga and gibi."""
SLIP_WIDTH = math.log(1.5)
"""Estimates are off themselves: a slip is seen within this factor."""
MIN_RUNS = 2
MAX_SHIFT = math.log(8)
"""From one version to the next no experiment moves further."""
MAX_OFF = math.log(30)
"""The physics is not further off, whatever the experiment, unless most experiments agree."""
MIN_PAST_RUNS = 3


def suspicions(cases: Sequence[Case], since: datetime | None) -> tuple[str, ...]:
    """Why the runs that ended at or after ``since`` (all without) should not be learnt from; empty where all is well.

    For each experiment and resource the median of the new runs is held against that of its own earlier runs, without
    those against the median of all other experiments' medians, without any against the physics. A few runs in another
    unit move no median and are looked for one by one.
    """
    new: dict[tuple[Resource, str], list[float]] = {}
    old: dict[tuple[Resource, str], list[float]] = {}
    for case in cases:
        for residual in case.residuals:
            side = new if since is None or residual.ended_at >= since else old
            side.setdefault((residual.resource, residual.experiment), []).append(residual.log_ratio)
    found = []
    for (resource, experiment), ratios in sorted(new.items()):
        if len(ratios) < MIN_RUNS:
            continue
        reference, told, limit = _reference(resource, experiment, old, new)
        off = median(ratios) - reference
        slip = _slip(off)
        factor = math.exp(abs(off))
        direction = "times" if off > 0 else "times below"
        if slip:
            found.append(
                f"{resource} of experiment {experiment}: {len(ratios)} runs are {factor:,.0f} {direction} {told}; "
                f"a factor of {slip} looks like another unit"
            )
        elif abs(off) > limit:
            found.append(
                f"{resource} of experiment {experiment}: {len(ratios)} runs are {factor:,.1f} {direction} {told}"
            )
        else:
            found.extend(_slipped_alone(resource, experiment, ratios, old.get((resource, experiment), [])))
    return tuple(found)


def _slipped_alone(resource: Resource, experiment: str, ratios: Sequence[float], own: Sequence[float]) -> Iterator[str]:
    """Some runs in another unit among others that are right: held against those of their experiment."""
    usual = median(own) if len(own) >= MIN_PAST_RUNS else median(ratios)
    slips = [slip for ratio in ratios if (slip := _slip(ratio - usual))]
    for slip in dict.fromkeys(slips):
        if slips.count(slip) >= MIN_RUNS:
            yield (
                f"{resource} of experiment {experiment}: {slips.count(slip)} of {len(ratios)} runs are off by a factor "
                f"of {slip}, which looks like another unit"
            )


def _reference(
    resource: Resource,
    experiment: str,
    old: Mapping[tuple[Resource, str], list[float]],
    new: Mapping[tuple[Resource, str], list[float]],
) -> tuple[float, str, float]:
    own = old.get((resource, experiment), [])
    if len(own) >= MIN_PAST_RUNS:
        return median(own), "what its earlier runs were", MAX_SHIFT
    others = [
        median(ratios)
        for (name, other), ratios in (*old.items(), *new.items())
        if name == resource and other != experiment
    ]
    if others:
        return median(others), "what the other experiments lead to expect", MAX_OFF
    return 0.0, "what the physics expects", MAX_OFF


def _slip(off: float) -> str | None:
    for factor, name in SLIPS.items():
        if abs(abs(off) - math.log(factor)) <= SLIP_WIDTH:
            return name
    return None
