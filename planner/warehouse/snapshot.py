"""Publishes the marts as one file that readers can open while the warehouse is being written."""

import os
from pathlib import Path

from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse

PRIVATE_TABLES = ("applied_migrations", "ingest_state", "understood")


def publish(db: Warehouse, snapshot_path: Path) -> int:
    """Copies marts and results, not raw rows, into a new file that takes the snapshot's place; number of tables.

    Whoever has the old snapshot open keeps it; a killed publish leaves the old one untouched.
    """
    fresh = snapshot_path.with_name(snapshot_path.name + ".new")
    try:
        snapshot_path.parent.mkdir(parents=True, exist_ok=True)
        for left_over in (fresh, fresh.with_name(fresh.name + ".wal")):
            left_over.unlink(missing_ok=True)
        names = [
            name
            for (name,) in db.execute(
                "select table_name from duckdb_tables() where database_name = current_database() order by table_name"
            )
            if not name.startswith("raw_") and name not in PRIVATE_TABLES
        ]
        location = str(fresh).replace("'", "''")
        db.execute(f"attach '{location}' as snapshot")
        try:
            for name in names:
                db.execute(f"create table snapshot.{name} as select * from main.{name}")
            db.execute("checkpoint snapshot")
        finally:
            db.execute("detach snapshot")
        _sync(fresh)
        fresh.replace(snapshot_path)
        _sync(snapshot_path.parent)
    except OSError as error:
        raise WarehouseError(
            f"cannot write the snapshot {snapshot_path} ({error}): check the folder and its free space"
        ) from error
    return len(names)


def _sync(path: Path) -> None:
    """Makes sure that file or folder is on the disk before what follows."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
