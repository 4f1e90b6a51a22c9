"""From tensors to what tools show: the allocator's cache, the context, and whether a run fits."""

import math

from planner.domain.accelerator import Accelerator
from planner.domain.estimate import Quantiles
from planner.estimator.constants import MEMORY
from planner.estimator.memory.timeline import Timeline
from planner.estimator.workload import Workload

DEVICES_PER_CLIQUE = 8
"""Communicators inside a node; more nodes add little."""


def context_bytes(accelerator: Accelerator, num_devices: int) -> float:
    """Memory of one device outside the allocator: context, libraries, communicators; 0 for a CPU."""
    if accelerator.kind == "cpu":
        return 0.0
    c = MEMORY
    if num_devices == 1:
        return c.context_bytes
    doublings = math.log2(min(num_devices, DEVICES_PER_CLIQUE))
    return c.context_bytes + c.communicator_bytes + c.communicator_doubling_bytes * doublings


def reserved_bytes(run: Workload, timeline: Timeline) -> float:
    """What the caching allocator holds at its peak: freed blocks stay, in sizes that later requests do not reuse.

    Measured on published runs. Near a full card the allocator frees its cache, so cache alone never fills a card.
    """
    allocated = timeline.peak_bytes
    if run.accelerator.kind == "cpu":
        return allocated
    c, total = MEMORY, timeline.totals_bytes
    if not run.has_equal_lengths and run.loss == "full_logits":
        logits_ratio = c.reserved_dynamic_ratio
    else:
        logits_ratio = c.reserved_fused_ce_ratio if run.loss == "fused_ce" else c.reserved_logits_ratio
    held = c.reserved_floor_bytes + max(
        total["forward"] + logits_ratio * timeline.logits_bytes,
        c.reserved_backward_ratio * total["backward"],
        total["optimizer"]
        + c.reserved_cache_ratio * timeline.activations_bytes
        + c.reserved_cached_logits_ratio * timeline.logits_bytes,
    )
    room = c.cache_limit_ratio * run.accelerator.memory_bytes - context_bytes(run.accelerator, run.num_devices)
    return max(allocated, min(held, room))


def fits_probability(allocated: Quantiles, context: float, card_bytes: float) -> float:
    """Probability that tensors and context stay below the share of the card that runs can use.

    A cached block is no need: the allocator frees it before it fails. Lognormal in tensors plus context.
    """
    limit = MEMORY.usable_ratio * card_bytes
    need = allocated.p50 + context
    log_sd = max(allocated.log_sd, 1e-6)
    return 0.5 * math.erfc(math.log(need / limit) / (log_sd * math.sqrt(2.0)))
