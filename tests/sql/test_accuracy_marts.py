"""Estimate against actual by resource, programme and month, with figures worked by hand."""

import math
from datetime import UTC, date, datetime
from statistics import stdev
from typing import Any

import pytest

from planner.calibration.backtest import Prediction, pinball_log
from planner.calibration.compare import RunCost
from planner.domain.training_run import TrainingRun
from planner.warehouse.build import build
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import store

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OCTOBER, LAST_OF_OCTOBER_UTC = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
ACTUAL_S = {"a": 7200.0, "b": 3000.0, "c": 3600.0}


def training_run(run_id: str, experiment: str, ended_at: datetime) -> TrainingRun:
    return TrainingRun.model_validate(
        {
            "run_id": run_id, "source": "s", "experiment": experiment, "name": run_id, "status": "FINISHED",
            "started_at": ended_at, "ended_at": ended_at, "dialect": "unknown", "config": {}, "actual": {},
            "origins": {},
        }
    )  # fmt: skip


def prediction(run_id: str, ended_at: datetime, **given: Any) -> Prediction:
    actual = ACTUAL_S[run_id]
    values: dict[str, Any] = {
        "run_id": run_id, "resource": "duration_s", "ended_at": ended_at, "actual": actual, "prior_p50": 1800.0,
        "p10": 3000.0, "p50": 3600.0, "p90": 4500.0, "num_runs_before": 3, "within": 3000.0 <= actual <= 4500.0,
    }  # fmt: skip
    return Prediction.model_validate({**values, **given})


@pytest.fixture
def accuracy(db: Warehouse) -> list[dict[str, Any]]:
    ends = {"a": OCTOBER, "b": OCTOBER, "c": LAST_OF_OCTOBER_UTC}
    runs = [training_run(name, "chat", end) for name, end in ends.items()]
    costs = [
        RunCost(
            run_id=name, experiment="chat", config_hash="h", started_at=end, ended_at=end, accelerator="a100-80gb",
            num_accelerators=4, accelerator_hours=4 * ACTUAL_S[name] / 3600, list_cost_usd=10.0,
        )
        for name, end in ends.items()
    ]  # fmt: skip
    memory = prediction("a", OCTOBER, resource="peak_device_bytes", actual=3600.0, within=True)
    store(db, "training_runs", runs)
    store(db, "run_costs", costs)
    store(db, "predictions", [memory, *(prediction(name, end) for name, end in ends.items())])
    build(db, time_zone="Europe/Berlin", as_of=NOW)
    return db.rows("select * from estimate_accuracy_by_month order by month, resource")


def test_a_month_of_the_programmes_zone_has_a_row_for_each_resource(accuracy: list[dict[str, Any]]) -> None:
    assert [(row["month"], row["resource"], row["num_runs"]) for row in accuracy] == [
        (date(2026, 10, 1), "duration_s", 2),
        (date(2026, 10, 1), "peak_device_bytes", 1),
        (date(2026, 11, 1), "duration_s", 1),
    ]
    assert {(row["experiment"], row["origin"]) for row in accuracy} == {("chat", "retroactive")}


def test_bias_spread_coverage_and_loss_are_what_their_definitions_say(accuracy: list[dict[str, Any]]) -> None:
    errors = [math.log(ACTUAL_S[name] / 3600) for name in "ab"]
    row = accuracy[0]
    assert row["bias_log"] == pytest.approx(sum(errors) / 2)
    assert row["spread_log"] == pytest.approx(stdev(errors))
    assert row["coverage_80_ratio"] == 0.5
    assert row["pinball_log"] == pytest.approx(
        sum(pinball_log(ACTUAL_S[name], 3000.0, 3600.0, 4500.0) for name in "ab") / 2
    )
    assert row["prior_median_ape_ratio"] == pytest.approx((0.75 + 0.4) / 2)


def test_hours_and_money_misjudged_do_not_cancel(accuracy: list[dict[str, Any]]) -> None:
    """One run took an hour more than told, the other ten minutes less, each on four accelerators for 10 USD."""
    row = accuracy[0]
    assert row["misjudged_accelerator_hours"] == pytest.approx(4 * (1 + 1 / 6))
    assert row["misjudged_usd"] == pytest.approx(10 * 3600 / 7200 + 10 * 600 / 3000)
    assert accuracy[1]["misjudged_accelerator_hours"] is None
