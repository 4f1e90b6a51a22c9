from typing import Any

import pytest

from planner.estimator.memory.adapter_activations import adapter_saved_bytes_per_token
from planner.estimator.memory.saved_activations import (
    checkpoint_bytes_per_token,
    eager_scores_bytes_per_token,
    layer_bytes_per_token,
    saved_bytes,
    sharded_frozen_hidden_bytes,
)
from planner.estimator.memory_constants import MEMORY

MARGIN = MEMORY.saved_margin_ratio
H, Q, KV, F = 4096, 4096, 1024, 14336


def test_a_trained_layer_saves_its_tensors(make_workload: Any) -> None:
    tensors = {"norms": 16 * H, "q": 4 * Q, "k and v": 4 * KV, "gated block": 8 * F}
    run = make_workload(method="full")
    assert layer_bytes_per_token(run) == pytest.approx(MARGIN * sum(tensors.values()))


def test_a_frozen_layer_saves_less(make_workload: Any) -> None:
    frozen, trained = make_workload(), make_workload(method="full")
    without_adapter = layer_bytes_per_token(frozen) - adapter_saved_bytes_per_token(frozen)
    assert without_adapter == pytest.approx(MARGIN * (8 * H + 4 * Q + 4 * KV + 6 * F))
    assert without_adapter < layer_bytes_per_token(trained)


def test_an_fp32_adapter_casts_the_input_of_each_module(make_workload: Any) -> None:
    run = make_workload(lora={"rank": 8, "targets": "attn_qv"})
    assert adapter_saved_bytes_per_token(run) == pytest.approx(MEMORY.adapter_cast_ratio * 4 * (H + H))


def test_under_autocast_modules_share_their_input(make_workload: Any) -> None:
    precision = {"weights_dtype": "bf16", "compute_dtype": "bf16", "amp": True}
    run = make_workload(lora={"rank": 8, "targets": "attn_qv"}, precision=precision)
    assert adapter_saved_bytes_per_token(run) == pytest.approx(MEMORY.adapter_input_ratio * 2 * H)


def test_eager_attention_keeps_scores_of_every_head_and_key(make_workload: Any) -> None:
    run = make_workload(attention="eager")
    assert eager_scores_bytes_per_token(run) == pytest.approx(MEMORY.eager_score_bytes * 32 * 2048)
    assert eager_scores_bytes_per_token(make_workload(attention="sdpa")) == 0.0


def test_checkpointing_keeps_one_hidden_state_a_layer(make_workload: Any) -> None:
    run = make_workload()
    assert saved_bytes(run, is_first_stage=True) == 2 * 2048 * 32 * 2 * H


def test_4_bit_preparation_doubles_the_checkpoint(make_workload: Any) -> None:
    assert checkpoint_bytes_per_token(make_workload(method="qlora", base_quantization="nf4", framework="trl")) == 4 * H


def test_offloaded_checkpoints_leave_the_device(make_workload: Any) -> None:
    assert saved_bytes(make_workload(activation_checkpointing="offloaded"), is_first_stage=True) == 0.0


def test_the_first_pipeline_stage_holds_several_micro_batches(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"pp": 4}, gradient_accumulation_steps=8)
    assert saved_bytes(run, is_first_stage=True) == 4 * saved_bytes(run, is_first_stage=False)


def test_a_sharded_frozen_base_keeps_a_second_hidden_state_in_all_layers_but_two(make_workload: Any) -> None:
    run = make_workload(count=2, parallelism={"zero_stage": 3})
    assert sharded_frozen_hidden_bytes(run) == pytest.approx(MEMORY.sharded_frozen_hidden_ratio * 2 * 2048 * 2 * H * 30)
    assert sharded_frozen_hidden_bytes(make_workload(method="full", count=2, parallelism={"zero_stage": 3})) == 0.0
    assert sharded_frozen_hidden_bytes(make_workload()) == 0.0


def test_sequence_parallelism_divides_norms_too(make_workload: Any) -> None:
    without = make_workload(method="full", count=4, parallelism={"tp": 4, "sequence_parallel": False})
    with_it = make_workload(method="full", count=4, parallelism={"tp": 4, "sequence_parallel": True})
    alone = make_workload(method="full")
    assert layer_bytes_per_token(with_it) == pytest.approx(layer_bytes_per_token(alone) / 4)
    assert layer_bytes_per_token(with_it) < layer_bytes_per_token(without)


def test_a_mixture_saves_the_experts_of_a_token(make_workload: Any) -> None:
    run = make_workload(model="mixtral-8x7b", method="full")
    assert layer_bytes_per_token(run) == pytest.approx(MARGIN * (16 * H + 4 * Q + 4 * KV + 8 * F * 2))
