from typing import Any

import pytest

from planner.estimator.step_time.adapters import LORA, MECHANISMS, adapter_s, mechanism
from planner.estimator.step_time.recompute import NOTHING
from planner.estimator.throughput_constants import THROUGHPUT as C

TOKENS = 4096.0


def test_lora_passes_over_its_inputs_and_outputs(make_workload: Any) -> None:
    run = make_workload(lora={"rank": 16, "targets": "attn_qv"})
    widths = (4096 + 4096) + (4096 + 1024)
    moved = C.adapter_traffic_ratio * 2 * widths * TOKENS * 32
    assert adapter_s(run, TOKENS, NOTHING, C) == pytest.approx(moved / (C.bandwidth_ratio * 2039e9))


def test_adapters_cost_traffic_not_rank(make_workload: Any) -> None:
    small, large, narrow = (
        adapter_s(make_workload(lora={"rank": rank, "targets": targets}), TOKENS, NOTHING, C)
        for rank, targets in ((4, "all_linear"), (64, "all_linear"), (64, "attn_qv"))
    )
    assert small == large > narrow
    assert adapter_s(make_workload(method="full"), TOKENS, NOTHING, C) == 0.0


def test_matrices_that_an_adapter_builds_cost_the_same_for_few_tokens_as_for_many(make_workload: Any) -> None:
    run = make_workload(method="adapter", adapter="loha", lora={"rank": 32, "targets": "attn_qv"})
    few, many = (adapter_s(run, tokens, NOTHING, C) for tokens in (64.0, 65536.0))
    assert few == many
    weights = 32 * (4096 * 4096 + 4096 * 1024)
    assert few == pytest.approx(C.adapter_dense_passes * 4 * weights / (C.bandwidth_ratio * 2039e9), rel=0.02)


def test_rotating_the_base_is_slower_than_adding_to_it(make_workload: Any) -> None:
    seconds = [
        adapter_s(
            make_workload(
                method="adapter" if kind != "lora" else "lora",
                adapter=kind,
                lora={"rank": 32, "targets": "attn_qv"},
                trainable_params=10_000_000,
            ),
            TOKENS,
            NOTHING,
            C,
        )
        for kind in ("lora", "boft")
    ]
    assert seconds[1] > 3 * seconds[0]


def test_prompts_and_norms_cost_nothing_beside_what_passes_through_the_model(make_workload: Any) -> None:
    run = make_workload(method="adapter", adapter="prompt_tuning", lora=None, virtual_tokens=20)
    assert adapter_s(run, TOKENS, NOTHING, C) == 0.0
    gated = make_workload(method="adapter", adapter="adaption_prompt", lora=None, virtual_tokens=20)
    assert adapter_s(gated, TOKENS, NOTHING, C) > 0.0


def test_a_kind_without_an_entry_counts_as_lora() -> None:
    assert mechanism("lora") == mechanism("lora_fa") == LORA
    assert all(found.kernels > 0 and min(found) >= 0 for found in MECHANISMS.values())
