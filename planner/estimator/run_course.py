"""The course of a run around its training steps: evaluation, checkpoints, interruptions."""

from typing import NamedTuple

from planner.domain.run_config import RunConfig
from planner.estimator.checkpoint_writing import CheckpointWriting, write_checkpoint
from planner.estimator.elementwise import where
from planner.estimator.failures import Interruptions, best_interval_s, expect_interruptions, interruptions_per_s
from planner.estimator.storage import checkpoints_written
from planner.estimator.wall_time_constants import WALL_TIME
from planner.estimator.workload import Workload


class RunCourse(NamedTuple):
    evaluation_s: float
    num_written: int
    """Checkpoints."""
    writing: CheckpointWriting
    interruptions: Interruptions
    best_interval_s: float
    """Seconds of work between checkpoints that lose least."""

    @property
    def writing_s(self) -> float:
        """Seconds of the whole run that training stands still for checkpoints."""
        return self.num_written * self.writing.blocked_s


def forward_ratio(run: Workload) -> float:
    """Share of a training step that its forward pass takes: one of two to four passes over the matrices."""
    return 1.0 / (2.0 + float(run.trains_base) + run.recomputed_ratio)


def evaluation_s(config: RunConfig, run: Workload, *, steps: int, tokens_per_s: float) -> float:
    """Seconds of all evaluations: forward passes at the rate of training's; ``tokens_per_s`` of all devices."""
    evaluation = config.evaluation
    if evaluation is None:
        return 0.0
    times = 1 if evaluation.every_steps is None else steps // evaluation.every_steps
    return times * evaluation.tokens / tokens_per_s * forward_ratio(run)


def interruption_rate_per_s(config: RunConfig, run: Workload) -> float:
    """Failures of any device, and on spot capacity the reclaiming of any node."""
    operations = config.operations
    failures = operations.failures_per_accelerator_hour
    reclaims = operations.spot_interruptions_per_node_hour
    is_spot = config.cluster is not None and config.cluster.pricing_category == "Dynamic"
    return interruptions_per_s(
        num_accelerators=run.num_devices,
        num_nodes=run.num_nodes,
        failures_per_accelerator_hour=WALL_TIME.failures_per_accelerator_hour if failures is None else failures,
        per_node_hour=(WALL_TIME.spot_interruptions_per_node_hour if reclaims is None else reclaims) * is_spot,
    )


def run_course(
    config: RunConfig, run: Workload, *, steps: int, training_s: float, tokens_per_s: float, start_up_s: float,
    checkpoint_bytes: float,
) -> RunCourse:  # fmt: skip
    """What happens around ``training_s`` seconds of ``steps`` steps."""
    evaluating = evaluation_s(config, run, steps=steps, tokens_per_s=tokens_per_s)
    work_s = training_s + evaluating
    every = config.checkpoints.every_steps
    interval_s = work_s if every is None else where(every >= steps, work_s, work_s * every / steps)
    writing = write_checkpoint(
        config.checkpoints, size_bytes=checkpoint_bytes, interval_s=interval_s, num_nodes=run.num_nodes
    )
    rate = interruption_rate_per_s(config, run)
    reschedule = config.operations.reschedule_s
    interruptions = expect_interruptions(
        work_s=work_s,
        interval_s=interval_s,
        writing_s=writing.blocked_s,
        restart_s=start_up_s + (WALL_TIME.reschedule_s if reschedule is None else reschedule),
        rate_per_s=rate,
    )
    return RunCourse(
        evaluation_s=evaluating,
        num_written=checkpoints_written(config, steps),
        writing=writing,
        interruptions=interruptions,
        best_interval_s=best_interval_s(writing.blocked_s, rate),
    )
