from collections.abc import Callable
from typing import Any

from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.warehouse.connection import Warehouse
from planner.warehouse.landing import Landed, land

MakeRun = Callable[..., RawRun]
Dump = Callable[[Warehouse], dict[str, list[tuple[Any, ...]]]]
SOURCE = "sqlite:///mlflow.db"


def test_landing_twice_changes_nothing(db: Warehouse, make_run: MakeRun, dump: Dump) -> None:
    batches = [as_batch([make_run(1), make_run(2)]), as_batch([make_run(3)])]
    assert land(db, SOURCE, batches) == Landed(3, 3, 1_780_000_003_500)
    first = dump(db)
    assert land(db, SOURCE, batches).num_changed == 0
    assert dump(db) == first
    assert [len(first[name]) for name in ("raw_runs", "raw_params", "raw_metrics", "raw_system_samples")] == [
        3,
        3,
        3,
        3,
    ]


def test_a_run_that_changed_replaces_all_its_rows_and_no_others(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1, status="RUNNING", end_ms=None), make_run(2)])])
    changed = make_run(
        1, params={"lr": "1"}, tags={}, inputs=(RawInput("corpus", "d", "local", None, "{}", "training"),)
    )
    assert land(db, SOURCE, [as_batch([changed, make_run(2)])]).num_changed == 1
    assert db.execute("select run_id, key from raw_params order by run_id") == [
        (make_run(1).run_id, "lr"),
        (make_run(2).run_id, "optim"),
    ]
    assert db.execute("select status from raw_runs where run_id = ?", (changed.run_id,)) == [("FINISHED",)]
    assert db.execute("select name, context from raw_inputs") == [("corpus", "training")]


def test_equal_ids_of_two_sources_are_two_runs(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1)])])
    land(db, "http://host", [as_batch([make_run(1, status="FAILED")])])
    assert db.execute("select source, status from raw_runs order by source") == [
        ("http://host", "FAILED"),
        (SOURCE, "FINISHED"),
    ]


def test_a_deleted_run_stays_and_is_marked(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1)])])
    land(db, SOURCE, [as_batch([make_run(1, lifecycle_stage="deleted")])])
    assert db.execute("select lifecycle_stage from raw_runs") == [("deleted",)]


def test_strange_values_land_as_they_are(db: Warehouse, make_run: MakeRun) -> None:
    params = {"nasty": "'; drop table raw_runs; --", "smile": "🦙", "nul": "a\x00b", "long": "x" * 8000, "": "no name"}
    run = make_run(
        1, params=params, start_ms=-5, end_ms=-(2**62), metrics=(RawMetric("loss", None, -3, -1),), run_name=""
    )
    land(db, SOURCE, [as_batch([run])])
    assert dict(db.execute("select key, value from raw_params")) == params
    assert db.execute("select start_ms, end_ms from raw_runs") == [(-5, -(2**62))]
    assert db.execute("select value, step, timestamp_ms from raw_metrics") == [(None, -3, -1)]


def test_a_run_that_ends_in_the_future_does_not_move_the_next_watermark(db: Warehouse, make_run: MakeRun) -> None:
    landed = land(db, SOURCE, [as_batch([make_run(1), make_run(2, end_ms=9_999_999_999_999)])])
    assert landed.newest_end_ms == make_run(1).end_ms
