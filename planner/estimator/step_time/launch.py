"""Time the host needs to launch operations."""

from planner.estimator.constants import TIME
from planner.estimator.workload import Workload


def pass_operations(run: Workload) -> float:
    """Operations of forward, backward and recompute in one pass."""
    experts = (run.model.num_experts or 0) / run.ep
    forward = TIME.ops_per_layer + 6.0 * experts + TIME.ops_per_adapter * run.adapter.modules_per_layer
    return run.stage_layers * forward * (3.0 + run.recomputed_ratio)


def step_operations(run: Workload) -> float:
    """Operations of the optimizer step."""
    tensors_per_layer = 2.0 * run.adapter.modules_per_layer
    if run.trains_base:
        matrices = 3.0 if run.model.gated_mlp else 2.0
        tensors_per_layer = 4.0 + matrices * (run.model.num_experts or 1) + run.model.num_norms_per_layer
    return TIME.ops_per_optimizer_tensor * tensors_per_layer * run.stage_layers


def launch_s(run: Workload, operations: float) -> float:
    """Seconds to launch that many operations; compiled and tuned software launches a third of them."""
    each = TIME.launch_cpu_s if run.accelerator.kind == "cpu" else TIME.launch_s
    return operations * each * (1.0 / 3.0 if run.software in ("compiled", "tuned") else 1.0)
