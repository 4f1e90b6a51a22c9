from typing import Any

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.estimator.flops import (
    attended_tokens,
    attention_forward_flop,
    hardware_flop,
    linear_forward_flop,
    model_flop,
)
from planner.estimator.step_time.attention import attention_flop
from planner.estimator.workload_of_run import workload

SHAPE = {"tokens": 12.0, "seq_len": 6.0, "attention_dim": 8.0, "num_layers": 3.0}


def test_a_matrix_product_costs_two_operations_for_each_parameter_and_token() -> None:
    rows, inner, columns = 5, 4, 7
    operations = 0
    for _ in range(rows):
        for _ in range(columns):
            for _ in range(inner):
                operations += 2
    assert linear_forward_flop(rows, inner * columns) == operations


def test_causal_attention_scores_each_earlier_position_twice() -> None:
    seq_len, heads, head_dim, layers = 200, 2, 4, 3
    operations = 0
    for position in range(seq_len):
        for _ in range(heads * layers):
            operations += 2 * 2 * head_dim * (position + 1)
    expected = attention_forward_flop(seq_len, seq_len, heads * head_dim, layers)
    assert expected == pytest.approx(operations, rel=0.01)


def test_full_training_takes_six_operations_a_parameter_plus_attention() -> None:
    flop = model_flop(matmul_params=100.0, adapter_params=0.0, trains_base=True, **SHAPE)
    assert flop == 6 * 12 * 100 + 3 * attention_forward_flop(**SHAPE)


def test_lora_takes_four_a_frozen_and_six_an_adapter_parameter() -> None:
    flop = model_flop(matmul_params=100.0, adapter_params=10.0, trains_base=False, **SHAPE)
    assert flop == 12 * (4 * 100 + 6 * 10) + 3 * attention_forward_flop(**SHAPE)


def test_full_recompute_adds_one_forward_pass_to_the_hardware_only() -> None:
    base: dict[str, Any] = {"matmul_params": 100.0, "adapter_params": 0.0, "trains_base": True, **SHAPE}
    without = hardware_flop(recomputed_ratio=0.0, **base)
    recomputed = hardware_flop(recomputed_ratio=1.0, **base)
    assert without == model_flop(**base)
    assert recomputed == pytest.approx(without * 4 / 3)


def test_formulas_hold_for_arrays() -> None:
    tokens = np.array([1.0, 2.0, 4.0])
    flop = model_flop(
        tokens=tokens,
        seq_len=8.0,
        matmul_params=10.0,
        adapter_params=1.0,
        trains_base=True,
        attention_dim=4.0,
        num_layers=2.0,
    )
    assert flop == pytest.approx(flop[0] * tokens)


def test_latent_attention_multiplies_queries_and_values_of_different_width(make_config: Any) -> None:
    model = load_catalog().models["deepseek-v3"]
    assert model.v_dim < model.q_dim
    run = workload(make_config(model="deepseek-v3", method="full"))
    scores = 2.0 * 100.0 * run.fed_tokens * model.q_dim * 0.5 * model.num_layers
    mixing = 2.0 * 100.0 * run.fed_tokens * model.v_dim * 0.5 * model.num_layers
    width = (model.q_dim + model.v_dim) / 2.0
    found = attention_forward_flop(100.0, run.fed_tokens, width, model.num_layers)
    assert found == pytest.approx(scores + mixing)
    assert found == pytest.approx(attention_flop(run, 100.0))


@pytest.mark.parametrize(("window", "length"), [(4, 4), (4, 3), (4, 100), (1, 50), (7, 8)])
def test_a_window_counts_the_scores_that_queries_see(window: int, length: int) -> None:
    model = (
        load_catalog().models["llama-3.1-8b"].model_copy(update={"sliding_window": window, "num_windowed_layers": 32})
    )
    seen = sum(min(position + 0.5, window) for position in range(length)) / length
    assert attended_tokens(model, float(length)) / 2.0 == pytest.approx(seen, abs=0.13 / length * window)


def test_layers_without_a_window_see_everything() -> None:
    model = load_catalog().models["gemma-3-27b"]
    assert attended_tokens(model, 512.0) == 512.0
    assert attended_tokens(model, 1e6) == pytest.approx(10 / 62 * 1e6, rel=0.02)
    assert attended_tokens(load_catalog().models["llama-3.1-8b"], 1e6) == 1e6
