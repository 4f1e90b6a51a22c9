"""Time of the optimizer step, and of what offload moves between device and host."""

from planner.estimator.elementwise import smaller
from planner.estimator.memory.weights import divided_by_zero, stage_params, trained_params
from planner.estimator.step_time.memory_bound import bandwidth
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload


def optimizer_bytes(run: Workload, c: ThroughputConstants) -> float:
    """Bytes one device moves to step its share: weights, gradients and states once (fused), or in each operation."""
    per_param = 2.0 * run.trained_bytes + run.gradient_bytes + 2.0 * run.state_bytes
    if not run.optimizer_is_fused:
        per_param *= c.optimizer_unfused_ratio
    return trained_params(run) * per_param / divided_by_zero(run, 1)


def optimizer_step_s(run: Workload, c: ThroughputConstants) -> float:
    """Seconds of the step: on the device, or under offload in the memory of the host, which its devices share."""
    if not run.cpu_offload:
        return optimizer_bytes(run, c) / bandwidth(run, c)
    share = c.host_memory_bytes_per_s / smaller(run.num_devices, run.accelerator.accelerators_per_node)
    return optimizer_bytes(run, c) / smaller(share, bandwidth(run, c))


def offload_pass_s(run: Workload, c: ThroughputConstants) -> float:
    """Seconds of one pass to fetch a sharded model's weights from the host, forward and backward."""
    if not run.cpu_offload or run.zero_stage < 3:
        return 0.0
    linear, others = stage_params(run, has_embeddings=True, has_head=True)
    stored = linear * (run.linear_bytes if run.is_quantised else run.compute_bytes) + others * run.compute_bytes
    return 2.0 * stored / run.shards / c.host_link_bytes_per_s


def offload_step_s(run: Workload, c: ThroughputConstants) -> float:
    """Seconds of one step to send gradients to the host and stepped weights back (arXiv 2101.06840, section 3)."""
    if not run.cpu_offload:
        return 0.0
    trained = trained_params(run) / divided_by_zero(run, 1)
    return trained * (run.gradient_bytes + run.compute_bytes) / c.host_link_bytes_per_s
