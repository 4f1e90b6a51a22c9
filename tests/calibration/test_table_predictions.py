from collections.abc import Mapping

import pytest

from planner.calibration import table_predictions
from planner.calibration.table_predictions import TablePrediction, learn_from_rows, predict_all
from planner.catalog.load import load_catalog
from planner.domain.estimate import Estimate
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run

ROW = {
    "id": "a", "method": "lora", "base_quant": "none", "lora_rank": "16", "lora_targets": "attn_all",
    "model": "llama-3.2-1b", "accelerator": "a100-80gb", "n_accel": "1", "param_dtype": "bf16",
    "compute_dtype": "bf16", "amp": "false", "optimizer": "adamw", "seq_len": "1024", "batching": "packed",
    "micro_batch": "4", "grad_accum": "1", "sharding": "none", "activation_ckpt": "full", "attention": "flash",
    "fused_loss": "none", "framework": "hf-trl",
}  # fmt: skip


def predicted(row: Mapping[str, str]) -> TablePrediction:
    (found,) = predict_all([row], load_catalog(), None)
    return found


def test_unknown_hardware_costs_speed_and_the_answer_to_fits_alone() -> None:
    found = predicted({**ROW, "accelerator": ""})
    assert set(found.quantiles) == {"peak_allocated_bytes", "peak_reserved_bytes", "peak_device_bytes"}
    assert found.fits_probability is None
    assert found.error is not None
    assert found.error.startswith("throughput: the accelerator is not stated")


def test_a_reason_that_holds_for_everything_stands_alone() -> None:
    assert predicted({**ROW, "model": "secret"}).error == (
        "model 'secret' is not in the catalog, and its num_layers, hidden_dim, ffn_dim, num_heads, vocab_size "
        "are not stated"
    )


def test_an_unstated_batch_widens_the_interval_and_stays_a_prediction() -> None:
    known, open_ = predicted(ROW), predicted({**ROW, "micro_batch": "", "seq_len": ""})
    assert open_.error is None
    for resource in known.quantiles:
        told, spanned = known.quantiles[resource], open_.quantiles[resource]
        assert spanned.p90 / spanned.p10 > told.p90 / told.p10


def test_an_unstated_number_of_accelerators_is_spanned_where_it_is_possible() -> None:
    sharded = {**ROW, "method": "full", "lora_rank": "", "lora_targets": "", "sharding": "zero3", "global_batch": ""}
    open_ = predicted({**sharded, "n_accel": ""})
    assert open_.error is None
    one, eight = (predicted({**sharded, "n_accel": count}) for count in ("1", "8"))
    peak = open_.quantiles["peak_allocated_bytes"]
    assert peak.p10 < eight.quantiles["peak_allocated_bytes"].p90 < one.quantiles["peak_allocated_bytes"].p10 < peak.p90
    tensor_parallel = {**ROW, "tp": "8", "n_accel": ""}
    assert predicted(tensor_parallel).quantiles == predicted({**tensor_parallel, "n_accel": "8"}).quantiles


def test_a_failure_inside_the_estimator_is_the_reason_for_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: RunConfig) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(table_predictions, "estimate_run", fail)
    assert predicted(ROW).error == "cannot be estimated: ZeroDivisionError: by zero"


def test_equal_runs_are_estimated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunConfig] = []

    def counted(config: RunConfig) -> Estimate:
        asked.append(config)
        return estimate_run(config)

    monkeypatch.setattr(table_predictions, "estimate_run", counted)
    rows = [ROW, {**ROW, "id": "b"}, {**ROW, "id": "c", "micro_batch": "8"}]
    found = list(predict_all(rows, load_catalog(), None))
    assert [one.id for one in found] == ["a", "b", "c"]
    assert len(asked) == 2


def test_only_complete_measured_rows_of_others_are_learnt_from() -> None:
    measured = {**ROW, "peak_device_gib": "9"}
    rows = [
        {**measured, "id": "good"},
        {**measured, "id": "target"},
        {**measured, "id": "open", "seq_len": ""},
        {**measured, "id": "broken", "seq_len": "x"},
        {**ROW, "id": "unmeasured"},
        {**measured, "id": "unknown-card", "accelerator": "", "tokens_per_s_per_accel": "100"},
    ]
    calls: list[None] = []
    calibration = learn_from_rows(
        rows, load_catalog(), without_ids=frozenset({"target"}), progress=lambda: calls.append(None)
    )
    assert calibration.num_runs == 2
    assert {known.resource for known in calibration.resources} == {"peak_device_bytes"}
    assert len(calls) == len(rows)


def test_the_same_history_in_another_order_gives_the_same_calibration() -> None:
    rows = [{**ROW, "id": f"r{n}", "peak_device_gib": str(9 + n), "micro_batch": str(n + 1)} for n in range(4)]
    assert learn_from_rows(rows, load_catalog()) == learn_from_rows(reversed(rows), load_catalog())
