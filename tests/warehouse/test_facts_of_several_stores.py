from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.warehouse.build import build, run_checks
from planner.warehouse.connection import Warehouse
from planner.warehouse.facts import understand
from planner.warehouse.landing import land

MakeRun = Callable[..., RawRun]
Dump = Callable[[Warehouse], dict[str, list[tuple[Any, ...]]]]
OLD, NEW = "sqlite:////old/mlflow.db", "sqlite:////new/mlflow.db"


def understood(db: Warehouse, *uris: str) -> list[tuple[Any, ...]]:
    sources = [{"tracking_uri": uri} for uri in uris]
    programme = Programme.model_validate({"name": "test", "sources": sources}, context={"catalog": load_catalog()})
    understand(db, load_catalog(), programme)
    return db.execute("select source, name, status from training_runs order by name, source")


def test_a_store_that_moved_takes_its_runs_along_and_none_is_counted_twice(db: Warehouse, make_run: MakeRun) -> None:
    land(db, OLD, [as_batch([make_run(1, status="RUNNING"), make_run(2)])])
    assert len(understood(db, OLD)) == 2
    land(db, NEW, [as_batch([make_run(1), make_run(3)])])
    expected = [(NEW, "run 1", "FINISHED"), (OLD, "run 2", "FINISHED"), (NEW, "run 3", "FINISHED")]
    assert understood(db, NEW) == expected
    assert understood(db, NEW) == expected


def test_a_run_in_two_sources_is_read_from_the_one_that_the_programme_names_first(
    db: Warehouse, make_run: MakeRun, dump: Dump
) -> None:
    land(db, OLD, [as_batch([make_run(1)])])
    land(db, NEW, [as_batch([make_run(1)])])
    assert understood(db, NEW, OLD) == [(NEW, "run 1", "FINISHED")]
    assert understood(db, OLD, NEW) == [(OLD, "run 1", "FINISHED")]
    before = dump(db)
    understood(db, OLD, NEW)
    assert dump(db) == before


def test_copies_of_a_run_break_no_check(db: Warehouse, make_run: MakeRun) -> None:
    land(db, OLD, [as_batch([make_run(1)])])
    land(db, NEW, [as_batch([make_run(1)])])
    understood(db, NEW)
    build(db, time_zone="UTC", as_of=datetime(2026, 11, 24, tzinfo=UTC))
    assert run_checks(db) == {}
