"""From seconds a step to the duration of the run."""

import math

from planner.domain.estimate import Estimate, Quantiles
from planner.estimator.constants import TIME
from planner.estimator.cost import with_compute_hours
from planner.estimator.quantile_mixture import Triple, lognormal_triple
from planner.estimator.workload import Workload


def start_up_s(run: Workload, model_bytes: float) -> float:
    """Seconds from the start of the process to the first step; waiting in a queue is not part of it."""
    if run.accelerator.kind == "cpu":
        return TIME.start_up_cpu_s + model_bytes / TIME.load_bytes_per_s
    seconds = TIME.start_up_accelerator_s + model_bytes / TIME.load_bytes_per_s
    if run.software == "compiled":
        seconds += TIME.compile_s
    return seconds + TIME.start_up_node_doubling_s * math.log2(run.num_nodes)


def checkpoint_writing_s(checkpoint_bytes: float, num_written: int) -> float:
    """Seconds that training stands still for checkpoints."""
    return num_written * checkpoint_bytes / TIME.checkpoint_bytes_per_s


def duration_triple(start: float, training: float, writing: float, training_log_sd: float) -> Triple:
    """Percentiles of the duration: start-up and training vary independently, writing is taken as sure."""
    return sum_of_independent(
        lognormal_triple(start, TIME.start_up_log_sd), lognormal_triple(training, training_log_sd), writing
    )


def sum_of_independent(one: Triple, other: Triple, constant: float) -> Triple:
    """Percentiles of a sum: medians add up, distances from the median in quadrature (exact for normal quantities)."""
    median = one[1] + other[1]
    below, above = (math.hypot(one[level] - one[1], other[level] - other[1]) for level in (0, 2))
    return max(median - below, 0.0) + constant, median + constant, median + above + constant


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

    Training time moves as one over the speed, low quantiles with high ones; checkpoint writing stays. Start-up and
    speed vary independently.
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
    breakdown["training"] = p50 - start_up_s.p50 - writing
    hours = durations.scale(estimate.num_accelerators / 3600.0)
    cost, cost_breakdown = with_compute_hours(
        estimate.cost_usd, estimate.cost_breakdown_usd, old_hours=estimate.accelerator_hours, new_hours=hours
    )
    return estimate.model_copy(
        update={
            "start_up_s": start_up_s,
            "tokens_per_s_per_accelerator": tokens_per_s_per_accelerator,
            "duration_s": durations,
            "duration_breakdown_s": breakdown,
            "step_time_breakdown_s": {term: s / faster for term, s in estimate.step_time_breakdown_s.items()},
            "mfu": estimate.mfu * faster,
            "inter_node_bytes_per_s": estimate.inter_node_bytes_per_s * faster,
            "cost_usd": cost,
            "cost_breakdown_usd": cost_breakdown,
        }
    )
