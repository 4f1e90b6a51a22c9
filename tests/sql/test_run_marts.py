from datetime import UTC, date, datetime
from typing import Any

import pytest

from planner.calibration.compare import Refusal, RunCost
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.domain.training_run import TrainingRun
from planner.warehouse.build import build, run_checks
from planner.warehouse.connection import Warehouse
from planner.warehouse.landing import land
from planner.warehouse.registry import store

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def training_run(run_id: str, started_at: datetime | None, **given: Any) -> TrainingRun:
    values: dict[str, Any] = {
        "run_id": run_id, "source": "s", "experiment": "chat", "name": run_id, "status": "FINISHED",
        "started_at": started_at, "ended_at": started_at, "dialect": "hf_trainer", "config": {}, "actual": {},
        "origins": {},
    }  # fmt: skip
    return TrainingRun.model_validate({**values, **given})


def cost(run: TrainingRun, hours: float, usd: float | None) -> RunCost:
    return RunCost(
        run_id=run.run_id, experiment=run.experiment, config_hash="h", started_at=run.started_at, ended_at=run.ended_at,
        accelerator="a100-80gb", num_accelerators=1, accelerator_hours=hours, list_cost_usd=usd,
    )  # fmt: skip


def built(db: Warehouse, *runs: TrainingRun, costs: tuple[RunCost, ...] = (), time_zone: str = "UTC") -> Warehouse:
    store(db, "training_runs", runs)
    store(db, "run_costs", costs)
    build(db, time_zone=time_zone, as_of=NOW)
    return db


def test_a_week_starts_on_monday_midnight_of_the_programmes_zone(db: Warehouse) -> None:
    sunday_evening_utc = datetime(2026, 7, 5, 22, 30, tzinfo=UTC)  # Monday 00:30 in Berlin
    built(db, training_run("a", sunday_evening_utc), time_zone="Europe/Berlin")
    assert db.execute("select week_start from weekly_demand") == [(date(2026, 7, 6),)]
    build(db, time_zone="America/New_York", as_of=NOW)
    assert db.execute("select week_start from weekly_demand") == [(date(2026, 6, 29),)]


@pytest.mark.parametrize(("hour", "week"), [(22, date(2026, 10, 19)), (23, date(2026, 10, 26))])
def test_the_week_in_which_clocks_go_back_has_one_hour_more(db: Warehouse, hour: int, week: date) -> None:
    built(db, training_run("a", datetime(2026, 10, 25, hour, 30, tzinfo=UTC)), time_zone="Europe/Berlin")
    assert db.execute("select week_start from weekly_demand") == [(week,)]


def test_demand_adds_up_all_runs_of_a_week_whatever_their_outcome(db: Warehouse) -> None:
    monday = datetime(2026, 11, 2, 9, tzinfo=UTC)
    runs = [training_run("a", monday), training_run("b", monday, status="FAILED"), training_run("c", monday)]
    built(db, *runs, costs=(cost(runs[0], 2.0, 5.0), cost(runs[1], 1.0, None)))
    assert db.rows("select * from weekly_demand") == [
        {
            "week_start": date(2026, 11, 2),
            "experiment": "chat",
            "runs": 3,
            "finished_runs": 2,
            "accelerator_hours": 3.0,
            "cost_usd": 5.0,
        }
    ]


def test_marts_show_nothing_that_started_later_than_they_are_made_for(db: Warehouse) -> None:
    built(db, training_run("later", datetime(2026, 11, 24, 1, tzinfo=UTC), problem="p"))
    for mart in ("run_history", "weekly_demand", "data_quality", "unread_runs"):
        assert db.execute(f"select count(*) from {mart}") == [(0,)], mart


def test_spend_of_a_past_moment_leaves_out_runs_that_ended_later(db: Warehouse) -> None:
    before = training_run("before", datetime(2026, 11, 2, 9, tzinfo=UTC))
    across = training_run(
        "across", datetime(2026, 11, 23, 23, tzinfo=UTC), ended_at=datetime(2026, 11, 24, 1, tzinfo=UTC)
    )
    built(db, before, across, costs=(cost(before, 1.0, 5.0), cost(across, 2.0, 7.0)))
    assert db.execute("select month, list_cost_usd from monthly_spend") == [(date(2026, 11, 1), 5.0)]


def test_marts_built_again_are_equal_to_the_last_bit(db: Warehouse) -> None:
    at = datetime(2026, 11, 2, 9, tzinfo=UTC)
    runs = [training_run(f"{number:04d}", at, experiment=f"e{number % 50}") for number in range(3000)]
    costs = tuple(cost(run, 0.1 + number / 7, 0.1 + number / 3) for number, run in enumerate(runs))
    found = set()
    for _ in range(5):
        built(db, *runs, costs=costs)
        found.add(repr(db.execute("select * from weekly_demand") + db.execute("select * from monthly_spend")))
    assert len(found) == 1


def test_history_has_one_row_a_run_with_its_configuration_in_columns(db: Warehouse) -> None:
    run = training_run(
        "a",
        datetime(2026, 11, 2, tzinfo=UTC),
        config={"method": "lora", "seq_len": 4096, "micro_batch_size": 2},
        actual={"duration_s": 60.0, "steps": 5, "peak_device_bytes": 2e9},
    )
    built(db, run, costs=(cost(run, 2.0, 5.0),))
    (row,) = db.rows("select * from run_history")
    assert (row["method"], row["seq_len"], row["micro_batch_size"], row["model"]) == ("lora", 4096, 2, None)
    assert (row["duration_s"], row["steps"], row["peak_device_bytes"], row["list_cost_usd"]) == (60.0, 5, 2e9, 5.0)


def test_quality_counts_by_field_where_values_come_from(db: Warehouse) -> None:
    origins = [
        {"seq_len": {"kind": "logged", "rule": "r"}, "cluster": {"kind": "unknown", "rule": "r"}},
        {"seq_len": {"kind": "inferred", "rule": "r"}, "cluster": {"kind": "unknown", "rule": "r"}},
        {"seq_len": {"kind": "inferred", "rule": "r"}, "cluster": {"kind": "user_rule", "rule": "r"}},
        {"seq_len": {"kind": "unknown", "rule": "r"}, "cluster": {"kind": "unknown", "rule": "r"}},
    ]
    at = datetime(2026, 11, 2, tzinfo=UTC)
    runs = [training_run(str(i), at, origins=given) for i, given in enumerate(origins)]
    store(db, "refusals", [Refusal(run_id="0", experiment="chat", reason="no model")])
    built(db, *runs[:3], runs[3].model_copy(update={"problem": "p"}))
    assert db.execute(
        "select num_runs, num_estimable, field, known_ratio, origins from data_quality order by field"
    ) == [
        (4, 2, "cluster", 0.25, "unknown 3, user_rule 1"),
        (4, 2, "seq_len", 0.75, "inferred 2, logged 1, unknown 1"),
    ]


def test_unread_runs_give_the_reason_of_whoever_refused(db: Warehouse) -> None:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    store(db, "refusals", [Refusal(run_id="b", experiment="chat", reason="no seq_len")])
    built(db, training_run("a", at, problem="no model"), training_run("b", at), training_run("c", at))
    assert db.execute("select run_id, run_name, reason from unread_runs") == [
        ("a", "a", "no model"),
        ("b", "b", "no seq_len"),
    ]


def test_checks_name_the_rows_that_break_them(db: Warehouse) -> None:
    run = RawRun(
        "r1", "1", "chat", "run", "FINISHED", "active", 1_780_000_000_000, 1_770_000_000_000, {"a": "b"}, {}, (), (), ()
    )
    land(db, "s", [as_batch([run])])
    land(db, "t", [as_batch([run._replace(end_ms=None)])])
    db.execute("insert into raw_runs select * from raw_runs where source = 't'")
    db.execute("insert into raw_params values ('s', 'gone', 'k', 'v')")
    store(db, "training_runs", [training_run("r2", None), training_run("r2", None, source="t")])
    build(db, time_zone="UTC", as_of=NOW)
    found = run_checks(db)
    assert found.keys() == {
        "check_duplicate_runs", "check_rows_without_run", "check_run_id_in_several_sources",
        "check_runs_end_after_start", "check_runs_without_training_run",
    }  # fmt: skip
    assert found["check_duplicate_runs"] == [{"source": "t", "run_id": "r1", "num_rows": 2}]
    assert found["check_runs_end_after_start"][0]["run_id"] == "r1"
    assert found["check_rows_without_run"] == [{"relation": "raw_params", "source": "s", "run_id": "gone", "name": "k"}]
