from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.estimator.flops import linear_forward_flop
from planner.estimator.step_time.efficiency import matmul_flop_per_s
from planner.estimator.step_time.matmul import forward_matmul_s, half_rate_shape, matmul_s, products
from planner.estimator.step_time.recompute import EVERYTHING, NOTHING
from planner.estimator.throughput_constants import THROUGHPUT as C

TOKENS = 4096.0
MODELS = load_catalog().models


def test_the_sum_over_matrices_is_that_of_the_matrices_one_by_one(make_workload: Any) -> None:
    run = make_workload(method="full")
    half_tokens, half_width = half_rate_shape(run, C)
    rate = matmul_flop_per_s(run.accelerator, "bf16", C)
    h, kv, f = 4096, 1024, 14336
    seconds = 0.0
    for inputs, outputs in ((h, h), (h, kv), (h, kv), (h, h), (h, f), (h, f), (f, h)):
        reached = rate / (1 + half_tokens / TOKENS + half_width / min(inputs, outputs))
        seconds += 32 * 2 * TOKENS * inputs * outputs / reached
    assert forward_matmul_s(run, TOKENS, C)[0] == pytest.approx(seconds)


def test_products_are_all_weights_of_the_layers() -> None:
    for name in ("llama-3.1-8b", "mixtral-8x7b", "deepseek-v3"):
        model = MODELS[name]
        sums = products(model, 1)
        head_and_table = 2 * model.vocab_size * model.hidden_dim
        whole = sums.dense_size + sums.routed_size + head_and_table
        assert whole == pytest.approx(model.published_params, rel=0.02)


def test_large_shapes_take_the_flop_over_the_rate(make_workload: Any) -> None:
    run = make_workload(method="full")
    layers, head = forward_matmul_s(run, 1e9, C)
    matrices = run.params.linear_per_layer * 32 + 128_256 * 4096
    by_hand = linear_forward_flop(1e9, matrices) / matmul_flop_per_s(run.accelerator, "bf16", C)
    assert layers + head == pytest.approx(by_hand, rel=0.15)
    assert layers + head > by_hand


def test_small_batches_cost_more_a_token(make_workload: Any) -> None:
    run = make_workload()
    costs = [forward_matmul_s(run, tokens, C)[0] / tokens for tokens in (64.0, 512.0, 4096.0)]
    assert costs == sorted(costs, reverse=True)


def test_frozen_weights_save_a_third(make_workload: Any) -> None:
    full = matmul_s(make_workload(method="full"), TOKENS, NOTHING, C)
    lora = matmul_s(make_workload(), TOKENS, NOTHING, C)
    assert lora["matmul"] == pytest.approx(full["matmul"] * 2 / 3)


def test_full_recompute_repeats_the_layers_but_not_the_head(make_workload: Any) -> None:
    run = make_workload()
    assert matmul_s(run, TOKENS, EVERYTHING, C)["recompute"] == forward_matmul_s(run, TOKENS, C)[0]
    assert matmul_s(run, TOKENS, NOTHING, C)["recompute"] == 0.0


def test_a_mixture_is_slower_than_a_dense_block_of_its_active_size(make_workload: Any) -> None:
    mixture = make_workload(model="mixtral-8x7b", method="full")
    dense = make_workload(model="mistral-7b", method="full")
    assert forward_matmul_s(mixture, TOKENS, C)[0] > forward_matmul_s(dense, TOKENS, C)[0]


def test_experts_spread_over_devices_see_longer_batches_each(make_workload: Any) -> None:
    alone = make_workload(model="mixtral-8x7b", method="full", count=8)
    spread = make_workload(model="mixtral-8x7b", method="full", count=8, parallelism={"ep": 8})
    assert forward_matmul_s(spread, TOKENS, C)[0] < forward_matmul_s(alone, TOKENS, C)[0]


def test_tensor_parallel_divides_the_work_but_loses_some_rate(make_workload: Any) -> None:
    one = sum(forward_matmul_s(make_workload(method="full"), TOKENS, C))
    parallelism = {"tp": 4, "sequence_parallel": True}
    four = sum(forward_matmul_s(make_workload(method="full", count=4, parallelism=parallelism), TOKENS, C))
    assert one / 4 < four < one / 3


def test_finer_fp8_scaling_is_slower(make_workload: Any) -> None:
    fields: dict[str, Any] = {
        "accelerator": "h100-sxm-80gb",
        "precision": {"weights_dtype": "fp32", "compute_dtype": "fp8", "amp": True},
    }
    one, rows = (make_workload(**fields, fp8_recipe=recipe) for recipe in ("tensorwise", "rowwise"))
    assert forward_matmul_s(one, TOKENS, C)[0] < forward_matmul_s(rows, TOKENS, C)[0]
