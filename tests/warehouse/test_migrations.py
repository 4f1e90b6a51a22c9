from pathlib import Path

import pytest

from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse
from planner.warehouse.migrations import apply_migrations


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
