"""Time of the optimizer step."""

from planner.estimator.constants import TIME
from planner.estimator.memory.weights import divided_by_zero, trained_params
from planner.estimator.workload import Workload


def optimizer_step_s(run: Workload) -> float:
    """Seconds to read and write weights, gradients and states once (fused), or again in each operation (unfused)."""
    per_param = 2.0 * run.trained_bytes + run.gradient_bytes + 2.0 * run.state_bytes
    if not run.optimizer_is_fused:
        per_param *= TIME.optimizer_unfused_ratio
    moved = trained_params(run) * per_param / divided_by_zero(run, 1)
    bandwidth = TIME.bandwidth_ratio * run.accelerator.memory_bandwidth_bytes_per_s
    if run.cpu_offload:
        bandwidth = min(bandwidth, TIME.shard_link_ratio * TIME.default_link_bytes_per_s / 2.0)
    return moved / bandwidth
