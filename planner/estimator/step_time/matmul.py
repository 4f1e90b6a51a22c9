"""Time in matrix products of the linear layers and the head."""

from typing import NamedTuple

from planner.domain.layer_matrices import Matrix, attention_matrices, feed_forward_matrices, feed_forwards
from planner.domain.model_spec import ModelSpec
from planner.estimator.elementwise import cached_for_numbers, smaller
from planner.estimator.step_time.efficiency import matmul_flop_per_s, peak_flop_per_s
from planner.estimator.step_time.recompute import Repeated
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload

SPLIT_BY_INPUTS = ("o_proj", "down_proj")
"""Matrices that tensor parallelism divides along their inputs; the others along their outputs."""


class Products(NamedTuple):
    """Sums over the matrices of all layers, whole and of routed experts apart."""

    dense_size: float
    dense_size_per_width: float
    """Size over the narrow side after tensor parallelism has divided it."""
    routed_size: float
    routed_size_per_width: float


def narrow_width(matrix: Matrix, tp: int) -> float:
    """The shorter side of one device's part."""
    if matrix.name in SPLIT_BY_INPUTS:
        return smaller(matrix.inputs / tp, matrix.outputs)
    return smaller(matrix.inputs, matrix.outputs / tp)


@cached_for_numbers
def products(model: ModelSpec, tp: int) -> Products:
    """The products that one token may take part in."""
    attention = [(model.num_layers, matrix) for matrix in attention_matrices(model)]
    blocks = [
        (block.is_routed, block.copies, matrix)
        for block in feed_forwards(model)
        for matrix in feed_forward_matrices(model, block.width)
    ]
    dense = attention + [(copies, matrix) for is_routed, copies, matrix in blocks if not is_routed]
    routed = [(copies, matrix) for is_routed, copies, matrix in blocks if is_routed]

    def sums(found: list[tuple[int, Matrix]]) -> tuple[float, float]:
        sizes = sum(copies * matrix.size for copies, matrix in found)
        return sizes, sum(copies * matrix.size / narrow_width(matrix, tp) for copies, matrix in found)

    return Products(*sums(dense), *sums(routed))


def half_rate_shape(run: Workload, c: ThroughputConstants) -> tuple[float, float]:
    """Tokens and narrow side at which a product reaches half the rate of large ones.

    Tiles and waves leave units idle in short and narrow products; reading the weights, which overlaps in part, takes
    (FLOP per byte of the accelerator) / T of the time of the FLOP.
    """
    if run.accelerator.kind == "cpu":
        return c.saturation_tokens_cpu, c.saturation_width_cpu
    intensity = peak_flop_per_s(run.accelerator, "bf16") / run.accelerator.memory_bandwidth_bytes_per_s
    return c.saturation_tokens + c.saturation_traffic_ratio * intensity, c.saturation_width


def forward_matmul_s(run: Workload, tokens: float, c: ThroughputConstants) -> tuple[float, float]:
    """Seconds of one forward pass of one device: (its layers, the head); ``tokens`` of one device and pass.

    Time of a product: 2 T size / rate x (1 + a / T + b / width), summed over the matrices.
    """
    model = run.model
    half_tokens, half_width = half_rate_shape(run, c)
    sums = products(model, run.tp)
    stage_ratio = run.stage_layers / model.num_layers

    def work(size: float, size_per_width: float, tokens_in: float) -> float:
        return 2.0 / run.tp * (size * (tokens_in + half_tokens) + size_per_width * tokens_in * half_width)

    layers = work(sums.dense_size, sums.dense_size_per_width, tokens)
    if model.num_experts is not None and model.experts_per_token is not None:
        per_expert = tokens * model.experts_per_token / model.num_experts * run.ep
        routed = work(sums.routed_size / run.ep, sums.routed_size_per_width / run.ep, per_expert)
        layers += c.expert_matmul_ratio * routed
    rate = matmul_flop_per_s(run.accelerator, run.compute_dtype, c)
    if run.compute_dtype in ("fp8", "fp4"):
        rate *= c.fp8_recipe_ratio.get(run.fp8_recipe or "delayed", 1.0)
    head_dtype = "bf16" if run.compute_dtype in ("fp8", "fp4") else run.compute_dtype
    head_size = float(model.vocab_size * model.hidden_dim)
    head = work(head_size, head_size / smaller(model.hidden_dim, model.vocab_size / run.tp), tokens)
    return stage_ratio * layers / rate, head / matmul_flop_per_s(run.accelerator, head_dtype, c)


def matmul_s(run: Workload, tokens: float, again: Repeated, c: ThroughputConstants) -> dict[str, float]:
    """Seconds of the products of one pass: forward, recompute, gradient of inputs, gradient of trained weights.

    A frozen weight needs no weight gradient: 2 products instead of 3 (4N instead of 6N).
    """
    layers, head = forward_matmul_s(run, tokens, c)
    passes = 3.0 if run.trains_base else 2.0
    return {
        "matmul": layers * passes + head * passes / run.pp,
        "recompute": layers * again.matmul_ratio,
    }
