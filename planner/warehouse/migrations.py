"""Brings the raw tables of a warehouse to the version this foretune knows: forward only."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import WarehouseError
from planner.warehouse.sql_files import sql_files

if TYPE_CHECKING:
    from planner.warehouse.connection import Warehouse


def apply_migrations(db: "Warehouse", folder: Path) -> int:
    """Applies the migrations that are not in the warehouse yet, each in one transaction; their number."""
    db.execute("create table if not exists applied_migrations (name varchar primary key, checksum varchar not null)")
    applied = dict(db.execute("select name, checksum from applied_migrations"))
    shipped = sql_files(folder)
    newer = sorted(set(applied) - {name for name, _ in shipped})
    if newer:
        raise WarehouseError(
            f"warehouse {db.path} was written by a newer foretune (migration {newer[-1]}): upgrade foretune, or set "
            "FORETUNE_HOME to another folder"
        )
    fresh = 0
    for name, text in shipped:
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if name not in applied:
            with db.transaction():
                db.execute(text)
                db.execute("insert into applied_migrations values (?, ?)", (name, checksum))
            fresh += 1
        elif applied[name] != checksum:
            raise WarehouseError(
                f"migration {name} in {folder} differs from the one that warehouse {db.path} was made with: restore "
                "the file (reinstall foretune), or set FORETUNE_HOME to another folder"
            )
    return fresh
