"""Writing checkpoints: how long training stands still, and what storage must take in."""

from typing import NamedTuple

from planner.domain.run_config import Checkpoints
from planner.estimator.elementwise import always, larger, smaller
from planner.estimator.wall_time_constants import WALL_TIME


class CheckpointWriting(NamedTuple):
    """One checkpoint."""

    blocked_s: float
    """Training stands still for so long."""
    needed_bytes_per_s: float
    """Storage must take in so much for writing to stay below a twentieth of the time."""
    needed_iops: float


def write_checkpoint(
    checkpoints: Checkpoints, *, size_bytes: float, interval_s: float, num_nodes: int
) -> CheckpointWriting:
    """One checkpoint of ``size_bytes`` every ``interval_s`` of work.

    Asynchronous writing stops training for the copy to host memory, which the nodes share, and for what is left of
    the previous write when the next one is due.
    """
    rate = checkpoints.write_bytes_per_s or WALL_TIME.checkpoint_bytes_per_s
    writing = size_bytes / rate
    if checkpoints.asynchronous:
        copying = size_bytes / num_nodes / WALL_TIME.host_copy_bytes_per_s
        writing = smaller(writing, copying + larger(0.0, writing - interval_s))
    needed = size_bytes / (WALL_TIME.checkpoint_time_ratio * interval_s) if always(interval_s > 0) else 0.0
    return CheckpointWriting(writing, needed, needed / WALL_TIME.io_bytes)
