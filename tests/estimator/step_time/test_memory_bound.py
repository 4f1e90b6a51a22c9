from typing import Any

import pytest

from planner.estimator.step_time.memory_bound import adapter_s, dequantisation_s, logits_s, pointwise_ratio, pointwise_s

BANDWIDTH = 0.78 * 2039e9
TOKENS = 4096.0


def test_pointwise_operations_move_their_elements_in_every_pass(make_workload: Any) -> None:
    run = make_workload(framework="llm-foundry")
    elements = TOKENS * 32 * (33 * 4096 + 4 * 14336)
    assert pointwise_s(run, TOKENS) == pytest.approx(elements * 2 * 0.8 * (1 + 1.75 + 1) / BANDWIDTH)


def test_better_software_moves_less(make_workload: Any) -> None:
    ratios = [
        pointwise_ratio(make_workload(framework=name)) for name in ("transformers", "llm-foundry", "torchtitan", "nemo")
    ]
    assert ratios == sorted(ratios, reverse=True)
    stock, lean = ratios[0], ratios[1]
    assert lean < pointwise_ratio(make_workload(framework=None)) < stock
    assert pointwise_ratio(make_workload(loss="fused_linear_ce")) < stock


def test_the_loss_moves_its_copies_of_the_logits(make_workload: Any) -> None:
    assert logits_s(make_workload(), TOKENS) == pytest.approx(TOKENS * 128_256 * 27 / BANDWIDTH)
    assert logits_s(make_workload(loss="fused_ce"), TOKENS) < logits_s(make_workload(), TOKENS)


def test_adapters_cost_traffic_not_rank(make_workload: Any) -> None:
    small = make_workload(lora={"rank": 4, "targets": "all_linear"})
    large = make_workload(lora={"rank": 64, "targets": "all_linear"})
    narrow = make_workload(lora={"rank": 64, "targets": "attn_qv"})
    assert adapter_s(small, TOKENS) == adapter_s(large, TOKENS) > adapter_s(narrow, TOKENS)
    assert adapter_s(make_workload(method="full"), TOKENS) == 0.0


def test_a_4_bit_base_is_unpacked_in_every_pass(make_workload: Any) -> None:
    run = make_workload(method="qlora", base_quantization="nf4")
    assert dequantisation_s(run) == pytest.approx(3 * 32 * run.params.linear_per_layer * 4.0 / BANDWIDTH)
    assert dequantisation_s(make_workload()) == 0.0
