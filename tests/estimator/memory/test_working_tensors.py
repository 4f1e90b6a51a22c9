"""Tenants that live only for a moment: recomputed layer, logits, gathered shards, dequantised weights."""

from dataclasses import replace
from typing import Any

import pytest

from planner.estimator.memory.dequantised_weights import dequantised_bytes
from planner.estimator.memory.gathered_shards import gathered_bytes
from planner.estimator.memory.logits import logits_bytes
from planner.estimator.memory.recomputed_layer import backward_temporaries_bytes, recomputed_bytes
from planner.estimator.memory.saved_activations import layer_bytes_per_token
from planner.estimator.memory_constants import MEMORY

TOKENS = 2 * 2048


def test_a_recomputed_layer_is_a_share_of_what_it_would_have_saved(make_workload: Any) -> None:
    run = make_workload(method="full")
    whole = layer_bytes_per_token(run)
    left_out = whole - 2 * 4096
    assert recomputed_bytes(run) == pytest.approx(TOKENS * min(MEMORY.recomputed_layer_ratio * whole, left_out))
    few = make_workload(method="full")._replace(constants=replace(MEMORY, recomputed_layer_ratio=0.5))
    assert recomputed_bytes(few) == pytest.approx(0.5 * TOKENS * whole)
    assert recomputed_bytes(make_workload(method="full", activation_checkpointing="none")) == 0.0


def test_gradients_inside_a_layer_follow_its_widths(make_workload: Any) -> None:
    assert backward_temporaries_bytes(make_workload()) == pytest.approx(
        TOKENS * 2 * (MEMORY.backward_ffn_elements * 14336 + MEMORY.backward_hidden_elements * 4096)
    )


@pytest.mark.parametrize(
    ("loss", "bytes_per_entry"),
    [
        ("full_logits", MEMORY.full_logits_bytes),
        ("fused_ce", MEMORY.fused_ce_bytes),
        ("chunked_ce", MEMORY.chunked_ce_bytes),
        ("fused_linear_ce", MEMORY.fused_linear_ce_bytes),
    ],
)
def test_logits_are_held_as_often_as_the_loss_needs(make_workload: Any, loss: str, bytes_per_entry: float) -> None:
    assert logits_bytes(make_workload(loss=loss)) == pytest.approx(bytes_per_entry * TOKENS * 128_256)


def test_a_stock_loss_is_near_the_sum_of_its_copies() -> None:
    copies = {"logits": 2, "upcast": 4, "log-softmax": 4, "gradient": 4}
    assert sum(copies.values()) == pytest.approx(MEMORY.full_logits_bytes, rel=0.02)


def test_shards_are_gathered_for_two_layers_embeddings_and_head(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"zero_stage": 3})
    counts = run.params
    layer = counts.linear_per_layer + counts.norms_per_layer
    whole = 2 * (MEMORY.gathered_layers * layer + counts.embeddings + counts.head)
    assert gathered_bytes(run) == pytest.approx(whole * 3 / 4)
    assert gathered_bytes(make_workload(method="full", count=4)) == 0.0


def test_a_quantised_base_is_gathered_packed(make_workload: Any) -> None:
    packed = make_workload(method="qlora", base_quantization="nf4", count=4, parallelism={"zero_stage": 3})
    plain = make_workload(count=4, parallelism={"zero_stage": 3})
    assert gathered_bytes(packed) < gathered_bytes(plain)


def test_the_largest_matrix_is_unpacked_before_use(make_workload: Any) -> None:
    assert dequantised_bytes(make_workload(method="qlora", base_quantization="nf4")) == 2 * 4096 * 14336
    assert dequantised_bytes(make_workload()) == 0.0
