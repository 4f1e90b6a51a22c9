"""From seconds a step to the duration of the run."""

import math
from collections.abc import Mapping

from planner.domain.estimate import Z_P90, Estimate, Quantiles
from planner.domain.operations import Operations
from planner.estimator.cost import with_compute_hours
from planner.estimator.elementwise import hypot, larger, log2
from planner.estimator.quantile_mixture import Triple, lognormal_triple
from planner.estimator.wall_time_constants import WALL_TIME
from planner.estimator.workload import Workload

WORK_ROWS = ("training", "evaluation", "interruptions")
"""Rows of a duration that follow the speed; start-up and checkpoints have their own."""


def start_up_s(run: Workload, model_bytes: float, operations: Operations) -> float:
    """Seconds from the start of the process to the first step; waiting in a queue is not part of it.

    Fetching the image and the model, the process itself, reading weights, compiling, and meeting the other nodes.
    """
    if run.accelerator.kind == "cpu":
        starting = WALL_TIME.start_up_cpu_s
    else:
        starting = WALL_TIME.start_up_accelerator_s + (WALL_TIME.compile_s if run.is_compiled else 0.0)
    fetched = (operations.image_bytes or 0.0) + (0.0 if operations.model_is_cached else model_bytes)
    fetching = fetched / (operations.download_bytes_per_s or WALL_TIME.download_bytes_per_s)
    loading = model_bytes / WALL_TIME.load_bytes_per_s
    return fetching + starting + loading + WALL_TIME.start_up_node_doubling_s * log2(run.num_nodes)


def duration_triple(start: float, working: float, constant: float, working_log_sd: float, lost_sd: float) -> Triple:
    """Percentiles of the duration: start-up, work and interruptions vary independently, ``constant`` is sure."""
    p10, p50, p90 = sum_of_independent(
        lognormal_triple(start, WALL_TIME.start_up_log_sd), lognormal_triple(working, working_log_sd), constant
    )
    late = hypot(p90 - p50, Z_P90 * lost_sd)
    return p10, p50, p50 + late


def sum_of_independent(one: Triple, other: Triple, constant: float) -> Triple:
    """Percentiles of a sum: medians add up, distances from the median in quadrature (exact for normal quantities)."""
    median = one[1] + other[1]
    below, above = (hypot(one[level] - one[1], other[level] - other[1]) for level in (0, 2))
    return larger(median - below, 0.0) + constant, median + constant, median + above + constant


def _without(duration: Quantiles, start: Quantiles, constant: float) -> Triple:
    """Percentiles of training: the inverse of ``sum_of_independent``."""
    median = max(duration.p50 - start.p50 - constant, 0.0)
    below, above = (
        math.sqrt(max(0.0, (whole - duration.p50) ** 2 - (part - start.p50) ** 2))
        for whole, part in ((duration.p10, start.p10), (duration.p90, start.p90))
    )
    return max(median - below, 0.0), median, median + above


def recombine(estimate: Estimate, *, start_up_s: Quantiles, tokens_per_s_per_accelerator: Quantiles) -> Estimate:
    """The estimate with another start-up and speed, and with the duration and cost that follow from them.

    Work moves as one over the speed, low quantiles with high ones; checkpoint writing stays. Start-up and speed vary
    independently.
    """
    old_speed, old_start = estimate.tokens_per_s_per_accelerator, estimate.start_up_s
    writing = estimate.duration_breakdown_s.get("checkpoints", 0.0)

    speed = tokens_per_s_per_accelerator
    faster = speed.p50 / old_speed.p50
    low, middle, high = _without(estimate.duration_s, old_start, writing)
    trainings = (low * old_speed.p90 / speed.p90, middle / faster, high * old_speed.p10 / speed.p10)
    trainings = (min(trainings[0], trainings[1]), trainings[1], max(trainings[1], trainings[2]))
    p10, p50, p90 = sum_of_independent((start_up_s.p10, start_up_s.p50, start_up_s.p90), trainings, writing)
    durations = Quantiles(p10=p10, p50=p50, p90=p90)
    breakdown = dict(estimate.duration_breakdown_s)
    breakdown["start_up"] = start_up_s.p50
    breakdown.update({row: breakdown[row] / faster for row in WORK_ROWS if row in breakdown})
    breakdown["training"] += p50 - sum(breakdown.values())
    return with_duration(estimate, durations, breakdown).model_copy(
        update={
            "start_up_s": start_up_s,
            "tokens_per_s_per_accelerator": tokens_per_s_per_accelerator,
            "step_time_breakdown_s": {term: s / faster for term, s in estimate.step_time_breakdown_s.items()},
            "mfu": estimate.mfu * faster,
            "inter_node_bytes_per_s": estimate.inter_node_bytes_per_s * faster,
        }
    )


def with_duration(estimate: Estimate, duration_s: Quantiles, breakdown_s: Mapping[str, float]) -> Estimate:
    """The estimate with another duration and its rows, and with the cost that follows."""
    changed = estimate.model_copy(update={"duration_s": duration_s, "duration_breakdown_s": dict(breakdown_s)})
    cost, rows = with_compute_hours(
        estimate.cost_usd,
        estimate.cost_breakdown_usd,
        old_hours=estimate.accelerator_hours,
        new_hours=changed.accelerator_hours,
    )
    return changed.model_copy(update={"cost_usd": cost, "cost_breakdown_usd": rows})
