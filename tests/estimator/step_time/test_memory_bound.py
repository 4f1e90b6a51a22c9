from typing import Any

import pytest

from planner.estimator.step_time.memory_bound import dequantisation_s, kernel_class, logits_s, pointwise_s
from planner.estimator.step_time.recompute import EVERYTHING
from planner.estimator.throughput_constants import THROUGHPUT as C

BANDWIDTH = C.bandwidth_ratio * 2039e9
TOKENS = 4096.0


def test_pointwise_operations_move_their_elements_in_every_pass(make_workload: Any) -> None:
    run = make_workload(framework="llm-foundry")
    elements = TOKENS * 32 * (C.pointwise_hidden_elements * 4096 + C.pointwise_ffn_elements * 14336)
    ratio = C.pointwise_scale_ratio * C.pointwise_ratio["lean"]
    passes = 1 + C.pointwise_backward_ratio + 1
    assert pointwise_s(run, TOKENS, EVERYTHING, C) == pytest.approx(elements * 2 * ratio * passes / BANDWIDTH)


def test_a_class_of_software_is_known_by_its_name_compiler_and_kernels(make_workload: Any) -> None:
    assert kernel_class(make_workload()) == "stock"
    assert kernel_class(make_workload(loss="fused_linear_ce")) == "stock_fused"
    assert kernel_class(make_workload(framework="torchtitan")) == "lean"
    assert kernel_class(make_workload(framework="torchtitan", compiler="torch_compile")) == "compiled"
    assert kernel_class(make_workload(framework="nemo", compiler="torch_compile")) == "tuned"
    assert kernel_class(make_workload(framework=None)) == "unknown"


def test_better_software_moves_less() -> None:
    ratios = [C.pointwise_ratio[kind] for kind in ("stock", "lean", "compiled", "tuned")]
    assert ratios == sorted(ratios, reverse=True)
    assert C.pointwise_ratio["tuned"] < C.pointwise_ratio["unknown"] < C.pointwise_ratio["stock"]
    assert C.pointwise_ratio["stock_fused"] < C.pointwise_ratio["stock"]


def test_only_sequence_parallelism_divides_norms_and_residuals(make_workload: Any) -> None:
    one = pointwise_s(make_workload(), TOKENS, EVERYTHING, C)
    divided, whole = (
        pointwise_s(make_workload(count=4, parallelism={"tp": 4, "sequence_parallel": shared}), TOKENS, EVERYTHING, C)
        for shared in (True, False)
    )
    assert divided == pytest.approx(one / 4)
    assert divided < whole < one


def test_the_loss_moves_its_copies_of_the_logits(make_workload: Any) -> None:
    moved = TOKENS * 128_256 * C.logits_traffic_bytes["full_logits"]
    assert logits_s(make_workload(), TOKENS, C) == pytest.approx(moved / BANDWIDTH)
    assert logits_s(make_workload(loss="fused_ce"), TOKENS, C) < logits_s(make_workload(), TOKENS, C)


def test_a_4_bit_base_is_unpacked_in_every_pass(make_workload: Any) -> None:
    run = make_workload(method="qlora", base_quantization="nf4")
    unpacked = 3 * 32 * run.params.linear_per_layer * C.dequantisation_traffic_bytes
    assert dequantisation_s(run, EVERYTHING, C) == pytest.approx(unpacked / BANDWIDTH)
    assert dequantisation_s(make_workload(), EVERYTHING, C) == 0.0
