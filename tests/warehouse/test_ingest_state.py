from collections.abc import Callable

from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.warehouse.connection import Warehouse
from planner.warehouse.ingest_state import (
    deleted_run_ids,
    known_run_ids,
    open_run_ids,
    read_whole_at,
    set_watermark,
    watermark,
)
from planner.warehouse.landing import Landed, land

MakeRun = Callable[..., RawRun]
SOURCE = "sqlite:///mlflow.db"


def test_a_source_without_runs_has_no_watermark(db: Warehouse) -> None:
    assert land(db, SOURCE, []) == Landed(0, 0, None)
    assert watermark(db, SOURCE, ["*"]) is None


def test_a_watermark_holds_for_its_patterns_alone_and_never_goes_back(db: Warehouse) -> None:
    set_watermark(db, SOURCE, ["b*", "a*"], 1000)
    set_watermark(db, SOURCE, ["a*", "b*"], 900)
    assert watermark(db, SOURCE, ["a*", "b*"]) == 1000
    assert watermark(db, SOURCE, ["*"]) is None
    set_watermark(db, SOURCE, ["*"], 500)
    assert watermark(db, SOURCE, ["*"]) == 500
    assert watermark(db, SOURCE, ["a*", "b*"]) is None


def test_runs_that_may_still_change_are_looked_at_again(db: Warehouse, make_run: MakeRun) -> None:
    runs = [
        make_run(1),
        make_run(2, status="RUNNING", end_ms=None),
        make_run(3, status="FINISHED", end_ms=None),
        make_run(4, lifecycle_stage="deleted"),
        make_run(5, status="KILLED"),
    ]
    land(db, SOURCE, [as_batch(runs)])
    assert open_run_ids(db, SOURCE) == {runs[1].run_id, runs[2].run_id}
    assert deleted_run_ids(db, SOURCE) == {runs[3].run_id}
    assert known_run_ids(db, SOURCE) == {run.run_id for run in runs}
    assert open_run_ids(db, "elsewhere") == frozenset()


def test_a_source_is_read_whole_now_and_then(db: Warehouse) -> None:
    assert read_whole_at(db, SOURCE) == 0
    set_watermark(db, SOURCE, ["*"], 1000, read_whole_ms=77)
    set_watermark(db, SOURCE, ["*"], 2000)
    assert (read_whole_at(db, SOURCE), watermark(db, SOURCE, ["*"])) == (77, 2000)
