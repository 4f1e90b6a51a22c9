from typing import Any

import pytest

from planner.domain.operations import Retention
from planner.estimator.storage import (
    checkpoint_bytes,
    checkpoints_written,
    dataset_bytes,
    kept_by_month,
    storage_rows,
    stored_byte_months,
    working_bytes,
)
from planner.estimator.workload_of_run import workload


def one_checkpoint(config: Any) -> float:
    return checkpoint_bytes(config, workload(config))


def test_a_lora_checkpoint_is_the_adapter_in_fp32(make_config: Any) -> None:
    assert one_checkpoint(make_config()) == 4 * 41_943_040


def test_a_full_checkpoint_is_the_weights(make_config: Any) -> None:
    config = make_config(method="full")
    assert one_checkpoint(config) == 2 * workload(config).params.total


def test_a_full_state_adds_the_optimizer(make_config: Any) -> None:
    config = make_config(method="full", checkpoints={"content": "full_state"})
    assert one_checkpoint(config) == (2 + 4) * workload(config).params.total


def test_merged_weights_of_an_adapter_run_contain_the_base(make_config: Any) -> None:
    config = make_config(checkpoints={"content": "weights"})
    assert one_checkpoint(config) == 4 * 41_943_040 + 2 * workload(config).params.total


@pytest.mark.parametrize(("every", "steps", "written"), [(None, 100, 1), (10, 100, 10), (30, 100, 4), (500, 100, 1)])
def test_checkpoints_are_written_at_intervals_and_at_the_end(
    make_config: Any, every: Any, steps: int, written: int
) -> None:
    assert checkpoints_written(make_config(checkpoints={"every_steps": every}), steps) == written


def test_only_the_last_checkpoints_are_kept(make_config: Any) -> None:
    def kept(**checkpoints: int) -> float:
        config = make_config(checkpoints=checkpoints)
        return storage_rows(config, workload(config), steps=100, train_tokens=1e6)["checkpoints"]

    assert kept(every_steps=10) == 10 * kept()
    assert kept(every_steps=10, keep_last=3) == 3 * kept()
    assert kept(keep_last=3) == kept()


def test_the_size_of_a_dataset_goes_before_its_tokens(make_config: Any) -> None:
    assert dataset_bytes(make_config(dataset={"size_bytes": 7, "tokens": 100}), 1e9) == 7
    assert dataset_bytes(make_config(dataset={"tokens": 100}), 1e9) == pytest.approx(450)
    assert dataset_bytes(make_config(epochs=2), 1000.0) == pytest.approx(2250)


KEPT = {"base_model": 100.0, "dataset": 10.0, "checkpoints": 40.0, "logs": 1.0}


def test_what_is_kept_shrinks_as_retention_runs_out() -> None:
    retention = Retention(base_model_months=0, dataset_months=12, checkpoints_months=3, logs_months=2.5)
    spans = kept_by_month(retention, KEPT)
    assert [(span.first_month, span.last_month, span.size_bytes) for span in spans] == [(1, 3, 51.0), (4, 12, 10.0)]


def test_nothing_is_kept_without_retention() -> None:
    nothing = Retention(base_model_months=0, dataset_months=0, checkpoints_months=0, logs_months=0)
    assert kept_by_month(nothing, KEPT) == ()


def test_months_times_bytes_are_what_is_paid_for(make_config: Any) -> None:
    months = {"base_model_months": 2, "dataset_months": 12, "checkpoints_months": 3, "logs_months": 1}
    config = make_config(operations={"retention": months})
    spans = kept_by_month(config.operations.retention, KEPT)
    paid = sum((span.last_month - span.first_month + 1) * span.size_bytes for span in spans)
    assert paid == stored_byte_months(config, KEPT)


@pytest.mark.parametrize(("written", "held"), [(1, 1), (2, 2), (50, 2)])
def test_two_checkpoints_lie_on_fast_storage_at_most(written: int, held: int) -> None:
    assert working_bytes(KEPT, checkpoint_bytes=7.0, num_written=written) == 111.0 + held * 7.0
