"""Corrects an estimate by what past runs have shown."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import get_args

from planner.calibration.apply_memory import correct_memory, lenders
from planner.calibration.intervals import beyond, calibrated, corrected_factor
from planner.calibration.observed import BESIDE_TIME, estimate_log_sd
from planner.calibration.resolve import Asked, Resolved, as_group, resolve
from planner.calibration.terms import terms_of
from planner.calibration.traits import Traits
from planner.domain.calibration import Calibration, GroupCalibration, ResourceCalibration
from planner.domain.estimate import Correction, CorrectionStep, Estimate, Quantiles, Resource
from planner.estimator.wall_time import recombine, with_duration

Learnt = Mapping[Resource, GroupCalibration]
TIME: tuple[Resource, ...] = ("tokens_per_s_per_accelerator", "start_up_s", "duration_s")
COST_AS_A_WHOLE = ("nested-normal-2", "crossed-effects-1")
"""Methods that learnt cost together with time: used where time was not learnt."""


def apply(calibration: Calibration | None, estimate: Estimate, who: Traits | tuple[str, ...]) -> Estimate:
    """The estimate of a run with these traits (or in these nested groups alone), corrected by what was learnt.

    - p50 is multiplied by exp(bias), the product of all effects; the spread is that of ``combined_half_width``.
    - An accelerator peak that was never measured borrows the factor of the nearest one that was.
    - Duration and cost follow from the corrected start-up and speed. The duration's own history is used instead where
      the speed has none, or only that of coarser groups. Cost is then corrected by what time did not explain of bills.
    - Checkpoints move the rows of duration, storage and network that hold them, not what the latter two cost; power
      is corrected by what time did not explain of the energy.

    Without a calibration the estimate comes back as it is. A calibration of nested groups, as made before effects were
    crossed, corrects by the finest group that has runs.
    """
    if calibration is None:
        return estimate
    traits = who if isinstance(who, Traits) else Traits(groups=who)
    found = {}
    for learnt in calibration.resources:
        asked = _asked(learnt, estimate, traits)
        if asked is not None:
            found[learnt.resource] = resolve(learnt, *asked)
    return _corrected(calibration, estimate, traits, found)


def apply_many(
    calibration: Calibration | None, estimates: Sequence[Estimate], who: Sequence[Traits | tuple[str, ...]]
) -> list[Estimate]:
    """``apply`` of each, where what is learnt is looked up for all of them at once."""
    if calibration is None:
        return list(estimates)
    from planner.calibration.resolve_many import resolve_many  # an estimate of one run starts without arrays

    traits = [one if isinstance(one, Traits) else Traits(groups=one) for one in who]
    found: list[dict[Resource, Resolved]] = [{} for _ in estimates]
    for learnt in calibration.resources:
        asked = [_asked(learnt, estimate, one) for estimate, one in zip(estimates, traits, strict=True)]
        rows = [number for number, one in enumerate(asked) if one is not None]
        told = resolve_many(learnt, [one for one in asked if one is not None])
        for number, one in zip(rows, told, strict=True):
            found[number][learnt.resource] = one
    return [_corrected(calibration, *row) for row in zip(estimates, traits, found, strict=True)]


def _corrected(
    calibration: Calibration, estimate: Estimate, traits: Traits, found: Mapping[Resource, Resolved]
) -> Estimate:
    by_resource = {learnt.resource: learnt for learnt in calibration.resources}
    own = {resource: as_group(by_resource[resource], told) for resource, told in found.items()}
    every = {**_finest(calibration, estimate, traits.groups), **own}
    learnt = _used(every, traits.groups, found)
    if calibration.method in COST_AS_A_WHOLE and any(resource in learnt for resource in TIME):
        learnt = {resource: group for resource, group in learnt.items() if resource != "cost_usd"}
    sources = {**learnt, **lenders(learnt)}
    corrections = tuple(
        Correction(
            resource=resource,
            group=sources[resource].group,
            factor=math.exp(sources[resource].log_bias),
            num_runs=sources[resource].num_runs,
            steps=_steps(found[sources[resource].resource]) if sources[resource].resource in found else (),
        )
        for resource in get_args(Resource)
        if resource in sources
    )
    provenance = estimate.provenance.model_copy(
        update={
            "calibration_id": calibration.calibration_id,
            "corrections": (*estimate.provenance.corrections, *corrections),
        }
    )
    timed = _correct_time(_correct_checkpoints(estimate, learnt), learnt)
    changed = _correct_sizes(_correct_power(_correct_cost(timed, learnt), learnt), learnt)
    return changed.model_copy(update={"memory": correct_memory(estimate.memory, learnt), "provenance": provenance})


def _asked(learnt: ResourceCalibration, estimate: Estimate, traits: Traits) -> Asked | None:
    """What is asked of a resource; None where the estimate has none of it."""
    expected = estimate.quantiles(learnt.resource)
    if expected is None or expected.p50 <= 0:
        return None
    stated = estimate_log_sd(expected.p10, expected.p50, expected.p90)
    if learnt.resource in BESIDE_TIME:
        time = estimate.duration_s
        stated = beyond(stated, estimate_log_sd(time.p10, time.p50, time.p90))
    return Asked(traits, terms_of(estimate, learnt.resource), stated)


def _steps(told: Resolved) -> tuple[CorrectionStep, ...]:
    return tuple(
        CorrectionStep(name=step.name, factor=math.exp(step.log_effect), num_runs=step.num_runs) for step in told.steps
    )


class _Groups:
    """The groups of a calibration as cache key by identity: hashing them all would take longer than applying them."""

    __slots__ = ("groups",)

    def __init__(self, groups: tuple[GroupCalibration, ...]) -> None:
        self.groups = groups

    def __hash__(self) -> int:
        return id(self.groups)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Groups) and other.groups is self.groups


@lru_cache(maxsize=8)
def _by_name(key: _Groups) -> Mapping[str, Learnt]:
    """What was learnt by name of the group; groups without runs are left out."""
    found: dict[str, dict[Resource, GroupCalibration]] = {}
    for group in key.groups:
        if group.num_runs:
            found.setdefault(group.group, {})[group.resource] = group
    return found


def _finest(calibration: Calibration, estimate: Estimate, groups: tuple[str, ...]) -> Learnt:
    by_name = _by_name(_Groups(calibration.groups))
    finest: dict[Resource, GroupCalibration] = {}
    for name in groups:
        finest.update(by_name.get(name, {}))
    expected = {resource: estimate.quantiles(resource) for resource in finest}
    return {resource: finest[resource] for resource, found in expected.items() if found is not None and found.p50 > 0}


def _used(learnt: Learnt, groups: tuple[str, ...], told: Mapping[Resource, Resolved]) -> Learnt:
    """Without what other corrections already contain: duration in those of speed and start-up together."""
    duration = learnt.get("duration_s")
    parts = [learnt.get("tokens_per_s_per_accelerator"), learnt.get("start_up_s")]
    contained: set[Resource] = set()
    if duration and all(
        part is not None and _fineness(duration, groups, told) <= _fineness(part, groups, told) for part in parts
    ):
        contained.add("duration_s")
    return {resource: group for resource, group in learnt.items() if resource not in contained}


def _fineness(group: GroupCalibration, groups: tuple[str, ...], told: Mapping[Resource, Resolved]) -> int:
    """How near a history is to the run: the depth of its group, or how many of the run's labels it knows."""
    if group.resource in told:
        return sum("=" in step.name and not step.name.startswith("term") for step in told[group.resource].steps)
    return groups.index(group.group)


def _correct_time(estimate: Estimate, learnt: Learnt) -> Estimate:
    start, speed, own = (learnt.get(r) for r in ("start_up_s", "tokens_per_s_per_accelerator", "duration_s"))
    changed = estimate
    if start or speed:
        old_start, old_speed = estimate.start_up_s, estimate.tokens_per_s_per_accelerator
        changed = recombine(
            estimate,
            start_up_s=calibrated(old_start, start) if start else old_start,
            tokens_per_s_per_accelerator=calibrated(old_speed, speed) if speed else old_speed,
        )
    if own is None:
        return changed
    duration = calibrated(estimate.duration_s, own)
    factor = duration.p50 / changed.duration_s.p50
    return with_duration(changed, duration, {row: s * factor for row, s in changed.duration_breakdown_s.items()})


def _correct_checkpoints(estimate: Estimate, learnt: Learnt) -> Estimate:
    """Time that checkpoints take, and the duration that follows where it has no history of its own."""
    own, old = learnt.get("checkpoint_s"), estimate.checkpoint_s
    if own is None or old is None:
        return estimate
    new = calibrated(old, own)
    changed = estimate.model_copy(update={"checkpoint_s": new})
    if "duration_s" in learnt:
        return changed
    later_s, durations = new.p50 - old.p50, estimate.duration_s
    moved = Quantiles(
        p10=max(durations.p10 + later_s, new.p50), p50=durations.p50 + later_s, p90=durations.p90 + later_s
    )
    return with_duration(changed, moved, {**estimate.duration_breakdown_s, "checkpoints": new.p50})


def _correct_power(estimate: Estimate, learnt: Learnt) -> Estimate:
    own = learnt.get("energy_j")
    if own is None or estimate.power_w is None:
        return estimate
    rows = {row: watts * math.exp(own.log_bias) for row, watts in estimate.power_breakdown_w.items()}
    return estimate.model_copy(update={"power_w": calibrated(estimate.power_w, own), "power_breakdown_w": rows})


def _correct_cost(estimate: Estimate, learnt: Learnt) -> Estimate:
    own = learnt.get("cost_usd")
    if own is None or estimate.cost_usd is None:
        return estimate
    rows = {row: usd * math.exp(own.log_bias) for row, usd in estimate.cost_breakdown_usd.items()}
    cost = corrected_factor(estimate.cost_usd, estimate.duration_s, own)
    return estimate.model_copy(update={"cost_usd": cost, "cost_breakdown_usd": rows})


def _correct_sizes(estimate: Estimate, learnt: Learnt) -> Estimate:
    update: dict[str, Quantiles | dict[str, float]] = {}
    checkpoint, network = learnt.get("checkpoint_bytes"), learnt.get("network_bytes")
    if checkpoint:
        factor = math.exp(checkpoint.log_bias)
        update["checkpoint_bytes"] = calibrated(estimate.checkpoint_bytes, checkpoint)
        update["storage_bytes"], update["storage_breakdown_bytes"] = _with_row(
            estimate.storage_bytes, estimate.storage_breakdown_bytes, "checkpoints", factor
        )
        update["network_bytes"], update["network_breakdown_bytes"] = _with_row(
            estimate.network_bytes, estimate.network_breakdown_bytes, "checkpoint_upload", factor
        )
    if network:
        factor = math.exp(network.log_bias)
        update["network_bytes"] = calibrated(estimate.network_bytes, network)
        rows = estimate.network_breakdown_bytes
        update["network_breakdown_bytes"] = {row: size * factor for row, size in rows.items()}
    return estimate.model_copy(update=update)


def _with_row(
    total: Quantiles, rows: Mapping[str, float], changed: str, factor: float
) -> tuple[Quantiles, dict[str, float]]:
    """Total and rows after one row changed by a factor; the total keeps its relative spread."""
    updated = {row: size * (factor if row == changed else 1.0) for row, size in rows.items()}
    before = sum(rows.values())
    return (total.scale(sum(updated.values()) / before) if before > 0 else total), updated
