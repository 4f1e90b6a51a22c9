"""From tensors to what tools show: the allocator's cache, the context, and whether a run fits."""

import math

from planner.estimator.elementwise import erfc, larger, largest, log, log2, smaller, where
from planner.estimator.memory.timeline import Timeline
from planner.estimator.workload import Workload

DEVICES_PER_CLIQUE = 8
"""Communicators inside a node; more nodes add little."""


def context_bytes(run: Workload) -> float:
    """Memory of one device outside the allocator: context, libraries, communicators; 0 for a CPU."""
    if run.accelerator.kind == "cpu":
        return 0.0
    c = run.constants
    held = c.context_bytes + (c.packed_kernels_bytes if run.uses_packed_kernels else 0.0)
    doublings = log2(smaller(run.num_devices, DEVICES_PER_CLIQUE))
    communicators = c.communicator_bytes + c.communicator_doubling_bytes * doublings
    return held + where(run.num_devices == 1, 0.0, communicators)


def logits_cache_ratio(run: Workload) -> float:
    """Blocks that stay from the loss, in units of its logits: few where no later request is longer than the first."""
    c = run.constants
    if run.has_equal_lengths:
        return c.reserved_fused_ce_ratio if run.loss == "fused_ce" else c.reserved_logits_ratio
    if run.length_order == "longest_first":
        return c.reserved_sorted_ratio
    return c.reserved_random_ratio


def reserved_bytes(run: Workload, timeline: Timeline) -> float:
    """What the caching allocator holds at its peak: freed blocks stay, in sizes that later requests do not reuse.

    Measured on published runs. Near a full card the allocator frees its cache, so cache alone never fills a card.
    """
    allocated = timeline.peak_bytes
    if run.accelerator.kind == "cpu":
        return allocated
    c, total = run.constants, timeline.totals_bytes
    is_sharded = (run.zero_stage == 3) & (run.shards > 1)
    cache_ratio = where(is_sharded, c.reserved_cache_ratio, c.reserved_cache_unsharded_ratio)
    held = c.reserved_floor_bytes + largest(
        (
            total["forward"] + logits_cache_ratio(run) * timeline.logits_bytes,
            (c.reserved_backward_ratio if run.has_equal_lengths else 1.0) * total["backward"],
            total["optimizer"]
            + cache_ratio * timeline.activations_bytes
            + c.reserved_cached_logits_ratio * timeline.logits_bytes,
        )
    )
    room = c.cache_limit_ratio * run.accelerator.memory_bytes - context_bytes(run)
    return larger(allocated, smaller(held, room))


def usable_bytes(run: Workload) -> float:
    """What tensors and context may fill of a card; what is missing is lost to fragments."""
    c = run.constants
    return run.accelerator.memory_bytes * (c.usable_tuned_ratio if run.software == "tuned" else c.usable_ratio)


def fits_probability(need_bytes: float, log_sd: float, limit_bytes: float) -> float:
    """Probability that the part of device memory which cannot be freed stays below the limit.

    That part is tensors and context: the allocator frees cached blocks before it fails. Its spread is that of the
    device figure.
    """
    return 0.5 * erfc(log(need_bytes / limit_bytes) / (larger(log_sd, 1e-6) * math.sqrt(2.0)))
