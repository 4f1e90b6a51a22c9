"""Time in matrix products of the linear layers and the head."""

from planner.estimator.constants import TIME
from planner.estimator.step_time.efficiency import matmul_flop_per_s
from planner.estimator.workload import Workload


def saturation_ratio(tokens: float, narrow_width: float, *, is_cpu: bool = False) -> float:
    """Share of the large-shape rate that a product of this shape reaches: 1 / (1 + a/tokens + b/width)."""
    half_tokens = TIME.saturation_tokens_cpu if is_cpu else TIME.saturation_tokens
    half_width = TIME.saturation_width_cpu if is_cpu else TIME.saturation_width
    return 1.0 / (1.0 + half_tokens / tokens + half_width / narrow_width)


def forward_matmul_s(run: Workload, tokens: float) -> tuple[float, float]:
    """Seconds of one forward pass of one device: (its layers, the head); ``tokens`` of one device and pass."""
    model, h = run.model, run.model.hidden_dim
    is_cpu = run.accelerator.kind == "cpu"
    rate = matmul_flop_per_s(run.accelerator, run.compute_dtype)
    head_rate = matmul_flop_per_s(run.accelerator, "bf16" if run.compute_dtype in ("fp8", "fp4") else run.compute_dtype)

    def seconds(count: float, width: float, tokens_in: float) -> float:
        narrow = min(h, width) / run.tp if width >= h else width / run.tp
        return 2.0 * tokens_in * count * h * width / run.tp / saturation_ratio(tokens_in, narrow, is_cpu=is_cpu)

    attention = seconds(2.0, model.q_dim, tokens) + seconds(2.0, model.kv_dim, tokens)
    matrices = 3.0 if model.gated_mlp else 2.0
    if model.num_experts is None or model.experts_per_token is None:
        mlp = seconds(matrices, model.ffn_dim, tokens)
    else:
        per_expert = tokens * model.experts_per_token / model.num_experts * run.ep
        local_experts = model.num_experts / run.ep
        mlp = TIME.expert_matmul_ratio * local_experts * seconds(matrices, model.ffn_dim, per_expert)
    head = seconds(1.0, model.vocab_size, tokens)
    return run.stage_layers * (attention + mlp) / rate, head / head_rate


def matmul_s(run: Workload, tokens: float) -> dict[str, float]:
    """Seconds of the products of one pass: forward, recompute, gradient of inputs, gradient of trained weights.

    A frozen weight needs no weight gradient: 2 products instead of 3 (4N instead of 6N).
    """
    layers, head = forward_matmul_s(run, tokens)
    passes = 3.0 if run.trains_base else 2.0
    return {
        "matmul": layers * passes + head * passes / run.pp,
        "recompute": layers * run.recomputed_ratio,
    }
