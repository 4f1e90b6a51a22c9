from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.warehouse import build as build_module
from planner.warehouse.build import build, run_checks
from planner.warehouse.connection import Warehouse
from planner.warehouse.landing import land
from planner.warehouse.sql_files import sql_files, sql_folder

MakeRun = Callable[..., RawRun]
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FOLDERS = ("staging", "intermediate", "marts", "checks")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_sql_file_begins_with_what_its_rows_are(folder: str) -> None:
    for name, text in sql_files(sql_folder() / folder):
        first = text.splitlines()[0]
        assert first.startswith("-- "), name
        assert ("offending" if folder == "checks" else "grain:") in first, name


def test_everything_is_built_on_an_empty_warehouse(db: Warehouse) -> None:
    build(db, time_zone="Europe/Berlin", as_of=NOW)
    for folder in FOLDERS[:3]:
        for name, _ in sql_files(sql_folder() / folder):
            assert db.execute(f"select count(*) from {name}") == [(0,)], name
    assert run_checks(db) == {}


def test_building_twice_gives_the_same(db: Warehouse, make_run: MakeRun) -> None:
    land(db, "a", [as_batch([make_run(1)])])
    build(db, time_zone="UTC", as_of=NOW)
    before = db.execute("select * from stg_runs")
    build(db, time_zone="UTC", as_of=NOW)
    assert db.execute("select * from stg_runs") == before


def test_what_has_no_file_any_more_is_dropped(db: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("staging", "intermediate", "marts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "staging" / "stg_a.sql").write_text("-- grain: one\nselect 1 as x")
    (tmp_path / "marts" / "first.sql").write_text("-- grain: one\nselect x from stg_a")
    monkeypatch.setattr(build_module, "sql_folder", lambda: tmp_path)
    build(db, time_zone="UTC", as_of=NOW)
    (tmp_path / "marts" / "first.sql").rename(tmp_path / "marts" / "second.sql")
    build(db, time_zone="UTC", as_of=NOW)
    names = {name for (name,) in db.execute("select table_name from duckdb_tables()")}
    assert "second" in names
    assert "first" not in names


def test_a_build_that_fails_leaves_the_last_marts(
    db: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("staging", "intermediate", "marts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "marts" / "a.sql").write_text("-- grain: one\nselect 1 as x")
    monkeypatch.setattr(build_module, "sql_folder", lambda: tmp_path)
    build(db, time_zone="UTC", as_of=NOW)
    (tmp_path / "marts" / "b.sql").write_text("-- grain: one\nselect nonsense")
    with pytest.raises(Exception, match="nonsense"):
        build(db, time_zone="UTC", as_of=NOW)
    assert db.execute("select * from a") == [(1,)]
