import shutil
from pathlib import Path

import duckdb
import pytest

from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.migrations import apply_migrations
from planner.warehouse.sql_files import sql_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0002_second.sql").write_text("alter table first add column b bigint;")
    (tmp_path / "0001_first.sql").write_text("create table first (a bigint); insert into first values (1);")
    return tmp_path


@pytest.fixture
def empty(db: Warehouse) -> Warehouse:
    db.execute("drop table applied_migrations")
    return db


def test_migrations_run_once_and_in_order(empty: Warehouse, folder: Path) -> None:
    assert apply_migrations(empty, folder) == 2
    assert apply_migrations(empty, folder) == 0
    assert empty.execute("select * from first") == [(1, None)]


def test_a_migration_that_fails_leaves_nothing_of_itself(empty: Warehouse, folder: Path) -> None:
    (folder / "0003_broken.sql").write_text("create table third (a bigint); select nonsense from nowhere;")
    with pytest.raises(Exception, match="nowhere"):
        apply_migrations(empty, folder)
    assert [name for (name,) in empty.execute("select name from applied_migrations order by 1")] == [
        "0001_first",
        "0002_second",
    ]
    assert empty.execute("select count(*) from duckdb_tables() where table_name = 'third'") == [(0,)]


def test_a_warehouse_of_a_newer_foretune_is_refused(empty: Warehouse, folder: Path) -> None:
    apply_migrations(empty, folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(WarehouseError, match=r"newer foretune \(migration 0002_second\): upgrade"):
        apply_migrations(empty, folder)


def test_an_edited_migration_is_refused(empty: Warehouse, folder: Path) -> None:
    apply_migrations(empty, folder)
    (folder / "0001_first.sql").write_text("create table first (a varchar);")
    with pytest.raises(WarehouseError, match="0001_first"):
        apply_migrations(empty, folder)


def of_an_older_version(path: Path) -> None:
    with connect(path) as db:
        db.execute("alter table ingest_state drop column read_whole_ms")
        db.execute("insert into ingest_state values ('a', '[]', 1)")
        for table in ("raw_models", "quarantined_runs", "raw_artifacts", "drift_decisions", "raw_metric_points"):
            db.execute(f"drop table {table}")
        db.execute("delete from applied_migrations where name >= '0010'")


def test_an_older_warehouse_is_migrated_on_a_copy_and_stays_as_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    of_an_older_version(path)
    with connect(path) as db:
        assert db.execute("select * from ingest_state") == [("a", "[]", 1, 0)]
    backups = sorted(file.name for file in tmp_path.iterdir() if file != path)
    assert backups == ["warehouse.duckdb.before-0010_models_and_quarantine"]
    with duckdb.connect(str(tmp_path / backups[0]), read_only=True) as old:
        assert old.execute("select * from ingest_state").fetchall() == [("a", "[]", 1)]


def test_a_migration_that_fails_leaves_the_older_warehouse_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "warehouse.duckdb"
    of_an_older_version(path)
    before = path.read_bytes()
    shutil.copytree(sql_folder() / "migrations", tmp_path / "sql" / "migrations")
    (tmp_path / "sql" / "migrations" / "9999_broken.sql").write_text("select nonsense from nowhere")
    monkeypatch.setattr("planner.warehouse.connection.sql_folder", lambda: tmp_path / "sql")
    with pytest.raises(duckdb.Error, match="nowhere"), connect(path):
        pass
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["sql", "warehouse.duckdb"]
