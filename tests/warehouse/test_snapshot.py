from datetime import UTC, datetime
from pathlib import Path

import pytest

from planner.domain.calibration import Calibration
from planner.errors import WarehouseError
from planner.warehouse.build import build
from planner.warehouse.connection import Warehouse, open_snapshot
from planner.warehouse.registry import store
from planner.warehouse.snapshot import publish
from planner.warehouse.tables import read, read_table

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def calibration(name: str) -> Calibration:
    return Calibration(
        calibration_id=name, as_of=NOW, fitted_through=None, num_runs=0, data_fingerprint="", prior="p", groups=()
    )


@pytest.fixture
def built(db: Warehouse) -> Warehouse:
    store(db, "calibrations", [calibration("first")])
    build(db, time_zone="UTC", as_of=NOW)
    return db


def test_a_snapshot_holds_marts_and_results_but_no_raw_rows(built: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "published" / "snapshot.duckdb"
    publish(built, path)
    with open_snapshot(path) as snapshot:
        assert read(snapshot, "calibrations", Calibration) == [calibration("first")]
        assert read_table(snapshot, "run_history") == []
        names = {name for (name,) in snapshot.execute("select table_name from duckdb_tables()")}
    assert not {name for name in names if name.startswith(("raw_", "applied_", "ingest_"))}


def test_a_reader_keeps_the_snapshot_it_opened_and_the_next_one_sees_the_new(built: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.duckdb"
    publish(built, path)
    before = path.stat().st_ino
    with path.open("rb") as old:
        store(built, "calibrations", [calibration("second")])
        publish(built, path)
        assert path.stat().st_ino != before
        assert old.read(16)
    with open_snapshot(path) as snapshot:
        assert len(read(snapshot, "calibrations", Calibration)) == 2


def test_what_a_killed_publish_left_does_not_stop_the_next(built: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.duckdb"
    (tmp_path / "snapshot.duckdb.new").write_bytes(b"half")
    publish(built, path)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("snapshot")) == ["snapshot.duckdb"]


def test_a_snapshot_cannot_be_written(built: Warehouse, tmp_path: Path) -> None:
    publish(built, tmp_path / "snapshot.duckdb")
    with open_snapshot(tmp_path / "snapshot.duckdb") as snapshot, pytest.raises(Exception, match="read-only"):
        snapshot.execute("create table t (a int)")


def test_a_snapshot_that_lacks_a_mart_says_what_to_do(built: Warehouse, tmp_path: Path) -> None:
    publish(built, tmp_path / "snapshot.duckdb")
    with (
        open_snapshot(tmp_path / "snapshot.duckdb") as snapshot,
        pytest.raises(WarehouseError, match="run `foretune weekly`"),
    ):
        read_table(snapshot, "a_mart_of_tomorrow")


def test_a_folder_that_cannot_be_written_is_named(built: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match="cannot write the snapshot"):
        publish(built, tmp_path / "file" / "snapshot.duckdb")
