"""Time of operations that wait for memory: norms, activations, residuals, logits, dequantisation."""

from planner.estimator.step_time.recompute import Repeated
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload

RESIDUAL_RATIO = 0.5
"""Of the work on the hidden width, what norms and residuals do outside the matrices."""


def bandwidth(run: Workload, c: ThroughputConstants) -> float:
    """Bytes per second that streaming kernels reach."""
    return c.bandwidth_ratio * run.accelerator.memory_bandwidth_bytes_per_s


def kernel_class(run: Workload) -> str:
    """The row of the table of pointwise traffic: by software, compiler, and fused kernels under stock software."""
    if run.software == "tuned":
        return "tuned"
    if run.is_compiled:
        return "compiled"
    if run.software is None:
        return "unknown"
    if run.software == "stock" and run.has_fused_kernels:
        return "stock_fused"
    return run.software


def pointwise_s(run: Workload, tokens: float, again: Repeated, c: ThroughputConstants) -> float:
    """Seconds of norms, rotary embeddings, activations and residuals in one pass of one device.

    Tensor parallelism divides the residual's part only under sequence parallelism (arXiv 2205.05198, section 4.2).
    """
    ratio = c.pointwise_cpu_ratio
    if run.accelerator.kind != "cpu":
        ratio = c.pointwise_scale_ratio * c.pointwise_ratio[kernel_class(run)]
    hidden = c.pointwise_hidden_elements * run.model.hidden_dim
    elements = hidden + c.pointwise_ffn_elements * run.active_ffn_dim
    if run.compute_dtype in ("fp8", "fp4"):
        elements += c.fp8_cast_elements * (run.model.hidden_dim + run.active_ffn_dim)
    if not run.sequence_parallel:
        elements += RESIDUAL_RATIO * hidden * (run.tp - 1.0)
    forward = tokens * run.stage_layers * elements / run.tp * run.compute_bytes * ratio
    return forward * (1.0 + c.pointwise_backward_ratio + again.pointwise_ratio) / bandwidth(run, c)


def logits_s(run: Workload, tokens: float, c: ThroughputConstants) -> float:
    """Seconds of the loss in one pass, the head's matrix product left out."""
    entries = tokens * run.model.vocab_size / run.tp / run.pp
    return entries * c.logits_traffic_bytes[run.loss] / bandwidth(run, c)


def dequantisation_s(run: Workload, again: Repeated, c: ThroughputConstants) -> float:
    """Seconds to unpack a 4-bit or int8 base in one pass: each weight once forward, backward and recomputed."""
    if not run.is_blockwise:
        return 0.0
    weights = run.stage_layers * run.params.linear_per_layer / (run.tp * run.ep)
    return (2.0 + again.matmul_ratio) * weights * c.dequantisation_traffic_bytes / bandwidth(run, c)
