from typing import Any

import pytest

from planner.estimator.flops import linear_forward_flop
from planner.estimator.step_time.efficiency import matmul_flop_per_s
from planner.estimator.step_time.matmul import forward_matmul_s, matmul_s, saturation_ratio

TOKENS = 4096.0


def test_small_shapes_reach_a_smaller_share() -> None:
    assert saturation_ratio(500.0, 1e9) == pytest.approx(0.5, rel=0.01)
    assert saturation_ratio(1e9, 200.0) == pytest.approx(0.5, rel=0.01)
    assert saturation_ratio(1e9, 1e9) == pytest.approx(1.0)


def test_more_tokens_never_lower_the_share() -> None:
    shares = [saturation_ratio(tokens, 4096.0) for tokens in (1.0, 64.0, 512.0, 8192.0)]
    assert shares == sorted(shares)


def test_large_shapes_take_the_flop_over_the_rate(make_workload: Any) -> None:
    run = make_workload(method="full")
    layers, head = forward_matmul_s(run, 1e9)
    matrices = run.params.linear_per_layer * 32 + 128_256 * 4096
    by_hand = linear_forward_flop(1e9, matrices) / matmul_flop_per_s(run.accelerator, "bf16")
    assert layers + head == pytest.approx(by_hand, rel=0.15)
    assert layers + head > by_hand


def test_frozen_weights_save_a_third(make_workload: Any) -> None:
    full = matmul_s(make_workload(method="full"), TOKENS)
    lora = matmul_s(make_workload(), TOKENS)
    assert lora["matmul"] == pytest.approx(full["matmul"] * 2 / 3)


def test_full_recompute_repeats_the_layers_but_not_the_head(make_workload: Any) -> None:
    run = make_workload()
    assert matmul_s(run, TOKENS)["recompute"] == forward_matmul_s(run, TOKENS)[0]
    assert matmul_s(make_workload(activation_checkpointing="none"), TOKENS)["recompute"] == 0.0


def test_a_mixture_is_slower_than_a_dense_block_of_its_active_size(make_workload: Any) -> None:
    mixture = make_workload(model="mixtral-8x7b", method="full")
    dense = make_workload(model="mistral-7b", method="full")
    assert forward_matmul_s(mixture, TOKENS)[0] > forward_matmul_s(dense, TOKENS)[0]


def test_tensor_parallel_divides_the_work_but_loses_some_rate(make_workload: Any) -> None:
    one = sum(forward_matmul_s(make_workload(method="full"), TOKENS))
    four = sum(forward_matmul_s(make_workload(method="full", count=4, parallelism={"tp": 4}), TOKENS))
    assert one / 4 < four < one / 3
