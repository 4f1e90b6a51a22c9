"""Time of operations that wait for memory: norms, activations, residuals, logits, adapters, dequantisation."""

from planner.domain.layer_matrices import active_ffn_width
from planner.domain.run_vocabulary import LossKernel
from planner.estimator.constants import TIME
from planner.estimator.software import SoftwareClass
from planner.estimator.workload import Workload

POINTWISE_RATIO: dict[SoftwareClass, float] = {"lean": 0.8, "stock": 2.0, "compiled": 0.65, "tuned": 0.37}
STOCK_FUSED_RATIO = 0.75
UNKNOWN_RATIO = 1.0
"""Traffic of pointwise operations against hand-written code, fitted on published runs; unknown: between the classes."""

LOGITS_TRAFFIC_BYTES: dict[LossKernel, float] = {
    "full_logits": TIME.full_logits_traffic_bytes,
    "fused_ce": TIME.fused_ce_traffic_bytes,
    "chunked_ce": TIME.full_logits_traffic_bytes,
    "fused_linear_ce": TIME.fused_linear_traffic_bytes,
}


def _bandwidth(run: Workload) -> float:
    return TIME.bandwidth_ratio * run.accelerator.memory_bandwidth_bytes_per_s


def pointwise_ratio(run: Workload) -> float:
    """How much the software's pointwise kernels move, relative to hand-written model code."""
    if run.accelerator.kind == "cpu":
        return TIME.pointwise_cpu_ratio
    if run.software is None:
        return UNKNOWN_RATIO
    if run.software == "stock" and run.loss in ("fused_ce", "fused_linear_ce"):
        return STOCK_FUSED_RATIO
    return POINTWISE_RATIO[run.software]


def pointwise_s(run: Workload, tokens: float) -> float:
    """Seconds of norms, rotary embeddings, activations and residuals in one pass of one device."""
    c, model = TIME, run.model
    elements = c.pointwise_hidden_elements * model.hidden_dim + c.pointwise_ffn_elements * active_ffn_width(model)
    forward = tokens * run.stage_layers * elements / run.tp * run.compute_bytes * pointwise_ratio(run)
    return forward * (1.0 + c.pointwise_backward_ratio + run.recomputed_ratio) / _bandwidth(run)


def logits_s(run: Workload, tokens: float) -> float:
    """Seconds of the loss in one pass, the head's matrix product left out."""
    entries = tokens * run.model.vocab_size / run.tp / run.pp
    return entries * LOGITS_TRAFFIC_BYTES[run.loss] / _bandwidth(run)


def adapter_s(run: Workload, tokens: float) -> float:
    """Seconds of the adapters' small products and casts in one pass: bound by memory, not by FLOP."""
    width = run.adapter.input_width + run.adapter.output_width
    passes = 2.0 + run.recomputed_ratio
    moved = TIME.adapter_traffic_ratio * run.compute_bytes / 2.0 * width * tokens * run.stage_layers / run.tp
    return passes * moved / _bandwidth(run)


def dequantisation_s(run: Workload) -> float:
    """Seconds to unpack a 4-bit or int8 base in one pass: each weight once forward, backward and recomputed."""
    if not run.is_blockwise:
        return 0.0
    counts = run.params
    shared = counts.linear_per_layer - counts.routed_experts_per_layer
    weights = run.stage_layers * (shared + counts.routed_experts_per_layer / run.ep) / run.tp
    return (2.0 + run.recomputed_ratio) * weights * TIME.dequantisation_traffic_bytes / _bandwidth(run)
