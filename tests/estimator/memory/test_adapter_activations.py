from typing import Any

import pytest

from planner.estimator.memory.adapter_activations import (
    adapter_delta_bytes,
    adapter_saved_bytes_per_token,
    virtual_keys_bytes,
)
from planner.estimator.memory_constants import MEMORY

H, Q, KV, LAYERS = 4096, 4096, 1024, 32
ON_QV = {"lora": {"rank": 8, "targets": "attn_qv"}}


def test_kinds_that_keep_nothing_keep_nothing(make_workload: Any) -> None:
    run = make_workload(method="adapter", adapter="shira", trainable_params=10_000, **ON_QV)
    assert adapter_saved_bytes_per_token(run) == 0.0


def test_adapters_on_the_hidden_state_keep_it(make_workload: Any) -> None:
    run = make_workload(method="adapter", adapter="adaption_prompt", lora=None, virtual_tokens=10)
    assert adapter_saved_bytes_per_token(run) == pytest.approx(MEMORY.adapter_hidden_bytes * H)


def test_scaled_modules_keep_their_outputs(make_workload: Any) -> None:
    run = make_workload(
        method="adapter", adapter="llama_adapter_v2", trainable_params=10_000, virtual_tokens=4, **ON_QV
    )
    assert adapter_saved_bytes_per_token(run) == 2 * (Q + KV)


def test_matrices_that_an_adapter_makes_live_in_all_layers_or_in_the_recomputed_one(make_workload: Any) -> None:
    kept, recomputed = (
        make_workload(method="adapter", adapter="loha", activation_checkpointing=kind, **ON_QV)
        for kind in ("none", "full")
    )
    assert adapter_delta_bytes(kept) == pytest.approx(MEMORY.adapter_delta_ratio * 4 * (H * Q + H * KV) * LAYERS)
    assert adapter_delta_bytes(kept) == pytest.approx(LAYERS * adapter_delta_bytes(recomputed))
    assert adapter_delta_bytes(make_workload()) == 0.0


def test_prefixes_take_keys_and_values_of_each_sample(make_workload: Any) -> None:
    run = make_workload(method="adapter", adapter="prefix_tuning", lora=None, virtual_tokens=50)
    assert virtual_keys_bytes(run) == 2 * 2 * 50 * 2 * (Q + KV) * LAYERS
    assert virtual_keys_bytes(make_workload()) == 0.0
