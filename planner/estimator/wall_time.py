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
    """Percentiles of the duration: those of start-up and training added up, writing taken as sure."""
    starts = lognormal_triple(start, TIME.start_up_log_sd)
    trainings = lognormal_triple(training, training_log_sd)
    p10, p50, p90 = (s + t + writing for s, t in zip(starts, trainings, strict=True))
    return p10, p50, p90


def recombine(estimate: Estimate, *, start_up_s: Quantiles, tokens_per_s_per_accelerator: Quantiles) -> Estimate:
    """The estimate with another start-up and speed, and with the duration and cost that follow from them.

    Training time moves as one over the speed, low quantiles with high ones; checkpoint writing stays.
    """
    old_speed, old_start = estimate.tokens_per_s_per_accelerator, estimate.start_up_s
    writing = estimate.duration_breakdown_s.get("checkpoints", 0.0)

    def duration(level: str, opposite: str) -> float:
        training = float(getattr(estimate.duration_s, level)) - float(getattr(old_start, level)) - writing
        faster = float(getattr(tokens_per_s_per_accelerator, opposite)) / float(getattr(old_speed, opposite))
        return float(getattr(start_up_s, level)) + max(training, 0.0) / faster + writing

    p50 = duration("p50", "p50")
    durations = Quantiles(p10=min(duration("p10", "p90"), p50), p50=p50, p90=max(duration("p90", "p10"), p50))
    faster = tokens_per_s_per_accelerator.p50 / old_speed.p50
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
