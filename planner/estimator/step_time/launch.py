"""Time the host needs to launch operations."""

from planner.estimator.step_time.adapters import adapted_modules, mechanism
from planner.estimator.step_time.memory_bound import kernel_class
from planner.estimator.step_time.recompute import Repeated
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload


def pass_operations(run: Workload, again: Repeated, c: ThroughputConstants) -> float:
    """Operations of forward, backward and recompute in one pass.

    ZeRO-3 fetches and releases each tensor of a layer, and reduces its gradient, even where there is one rank alone.
    """
    experts = (run.model.num_experts or 0) / run.ep
    adapters = adapted_modules(run) * mechanism(run.adapter_kind).kernels
    forward = c.ops_per_layer + c.ops_per_expert * experts + c.ops_per_adapter * adapters
    if run.zero_stage == 3:
        forward += c.ops_per_gathered_tensor * base_tensors(run)
    return run.stage_layers * forward * (3.0 + again.pointwise_ratio)


def base_tensors(run: Workload) -> float:
    """Weights of one layer that are stored apart: matrices, one for each expert, and norms."""
    matrices = 3.0 if run.model.gated_mlp else 2.0
    return 4.0 + matrices * (run.model.num_experts or 1) + run.model.num_norms_per_layer


def step_operations(run: Workload, c: ThroughputConstants) -> float:
    """Operations of the optimizer step."""
    tensors_per_layer = base_tensors(run) if run.trains_base else 2.0 * run.adapter.modules_per_layer
    return c.ops_per_optimizer_tensor * tensors_per_layer * run.stage_layers


def launch_s(run: Workload, operations: float, c: ThroughputConstants) -> float:
    """Seconds to launch that many operations; compiled and tuned software launches a part of them."""
    if run.accelerator.kind == "cpu":
        return operations * c.launch_cpu_s
    kind = kernel_class(run)
    return operations * c.launch_s * c.launch_class_ratio["stock" if kind == "stock_fused" else kind]
