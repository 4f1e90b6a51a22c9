"""Corrects the peaks of memory, which hold one another and decide whether a run fits."""

import math
from collections.abc import Callable, Mapping

from planner.calibration.intervals import calibrated
from planner.domain.calibration import GroupCalibration
from planner.domain.estimate import MemoryEstimate, Quantiles, Resource
from planner.estimator.memory.allocator import fits_probability

ACCELERATOR_PEAKS: tuple[Resource, ...] = ("peak_allocated_bytes", "peak_reserved_bytes", "peak_device_bytes")
"""Each holds the one before."""


def lenders(learnt: Mapping[Resource, GroupCalibration]) -> dict[Resource, GroupCalibration]:
    """What each accelerator peak is corrected by: its own history, else that of the nearest peak that has one.

    Of two equally near peaks the outer one lends. Empty where no peak was ever measured.
    """
    measured = [place for place, resource in enumerate(ACCELERATOR_PEAKS) if resource in learnt]
    if not measured:
        return {}
    found: dict[Resource, GroupCalibration] = {}
    for place, resource in enumerate(ACCELERATOR_PEAKS):
        _, outermost = min((abs(other - place), -other) for other in measured)
        found[resource] = learnt[ACCELERATOR_PEAKS[-outermost]]
    return found


def correct_memory(memory: MemoryEstimate, learnt: Mapping[Resource, GroupCalibration]) -> MemoryEstimate:
    """Corrected peaks, each within the next, and the probability of fitting that follows.

    A borrowed correction moves the figure and leaves its spread. Where corrected peaks contradict their order, the one
    that is known best (smallest spread, then most runs) stays and the others give way. The timeline stays the physics'.
    """
    update: dict[str, Quantiles] = {}
    if "host_peak_bytes" in learnt:
        update["host_peak_bytes"] = calibrated(memory.host_peak_bytes, learnt["host_peak_bytes"])
    lent = lenders(learnt)
    if lent:
        peaks = []
        for resource in ACCELERATOR_PEAKS:
            physics: Quantiles = getattr(memory, resource)
            own = learnt.get(resource)
            peaks.append(calibrated(physics, own) if own else physics.scale(math.exp(lent[resource].log_bias)))
        update.update(zip(ACCELERATOR_PEAKS, _nested(peaks, learnt), strict=True))
    changed = memory.model_copy(update=update)
    context_bytes = memory.peak_device_bytes.p50 - memory.peak_reserved_bytes.p50
    if context_bytes > 0:
        need, is_learnt = changed.peak_allocated_bytes, bool(lent)
    else:  # a CPU: it has no context, and the memory of the host is what a run needs
        need, is_learnt, context_bytes = changed.host_peak_bytes, "host_peak_bytes" in learnt, 0.0
    if not is_learnt:
        return changed
    spread = changed.peak_device_bytes if context_bytes and "peak_allocated_bytes" not in learnt else need
    fits = fits_probability(need.p50 + context_bytes, spread.log_sd, memory.usable_bytes)
    return changed.model_copy(update={"fits_probability": fits})


def _nested(peaks: list[Quantiles], learnt: Mapping[Resource, GroupCalibration]) -> list[Quantiles]:
    def rank(place: int) -> tuple[float, int, int]:
        group = learnt.get(ACCELERATOR_PEAKS[place])
        return (group.log_sd, -group.num_runs, -place) if group else (math.inf, 0, -place)

    nested, settled = list(peaks), list[int]()
    for place in sorted(range(len(peaks)), key=rank):
        for other in settled:
            nested[place] = _each(min if other > place else max, nested[place], nested[other])
        settled.append(place)
    return nested


def _each(choose: Callable[[float, float], float], one: Quantiles, other: Quantiles) -> Quantiles:
    return Quantiles(p10=choose(one.p10, other.p10), p50=choose(one.p50, other.p50), p90=choose(one.p90, other.p90))
