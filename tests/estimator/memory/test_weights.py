from typing import Any

import pytest

from planner.estimator.memory.weights import adapter_bytes, stage_params, trained_params, weights_bytes

WHOLE = {"has_embeddings": True, "has_head": True}


def test_one_device_holds_two_bytes_a_parameter_in_bf16(make_workload: Any) -> None:
    run = make_workload(method="full")
    assert weights_bytes(run, **WHOLE) == 2 * run.params.total


def test_zero_3_divides_weights_by_the_ranks(make_workload: Any) -> None:
    one = weights_bytes(make_workload(method="full"), **WHOLE)
    four = weights_bytes(make_workload(method="full", count=4, parallelism={"zero_stage": 3}), **WHOLE)
    assert four == pytest.approx(one / 4)


def test_zero_2_leaves_weights_whole(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"zero_stage": 2})
    assert weights_bytes(run, **WHOLE) == 2 * run.params.total


def test_sharded_autocast_keeps_trained_weights_in_fp32(make_workload: Any) -> None:
    precision = {"weights_dtype": "bf16", "compute_dtype": "bf16", "amp": True}
    run = make_workload(method="full", count=4, parallelism={"zero_stage": 3}, precision=precision)
    assert weights_bytes(run, **WHOLE) == pytest.approx(4 * run.params.total / 4)


def test_a_4_bit_base_leaves_embeddings_norms_and_head_in_16_bit(make_workload: Any) -> None:
    run = make_workload(method="qlora", base_quantization="nf4_dq", loss="fused_ce")
    counts = run.params
    linear = counts.linear_per_layer * counts.num_layers
    by_hand = linear * (0.5 + 1 / 64 + 4 / (64 * 256)) + (counts.total - linear) * 2
    assert weights_bytes(run, **WHOLE) == pytest.approx(by_hand)


def test_stock_preparation_for_4_bit_training_keeps_the_rest_in_fp32(make_workload: Any) -> None:
    stock = make_workload(method="qlora", base_quantization="nf4", framework="trl")
    fused = make_workload(method="qlora", base_quantization="nf4", framework="fms-hf-tuning")
    rest = stock.params.total - stock.params.linear_per_layer * stock.params.num_layers
    assert weights_bytes(stock, **WHOLE) - weights_bytes(fused, **WHOLE) == pytest.approx(2 * rest)


def test_pipeline_stages_hold_all_parameters_together(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"pp": 4})
    first = sum(stage_params(run, has_embeddings=True, has_head=False))
    middle = sum(stage_params(run, has_embeddings=False, has_head=False))
    last = sum(stage_params(run, has_embeddings=False, has_head=True))
    assert first + 2 * middle + last == run.params.total


def test_tensor_parallel_divides_matrices_but_not_norms(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"tp": 4, "sequence_parallel": False})
    norms = run.params.norms_per_layer * run.params.num_layers + run.params.final_norm
    assert sum(stage_params(run, **WHOLE)) == pytest.approx((run.params.total - norms) / 4 + norms)


def test_expert_parallel_divides_experts_only(make_workload: Any) -> None:
    run = make_workload(model="mixtral-8x7b", method="full", count=8, parallelism={"ep": 8})
    experts = run.params.mlp_per_layer * run.params.num_layers
    assert sum(stage_params(run, **WHOLE)) == pytest.approx(run.params.total - experts * 7 / 8)


def test_the_adapter_is_held_in_fp32_beside_the_frozen_base(make_workload: Any) -> None:
    run = make_workload()
    assert trained_params(run) == 41_943_040
    assert adapter_bytes(run, trained_params(run)) == 4 * 41_943_040
