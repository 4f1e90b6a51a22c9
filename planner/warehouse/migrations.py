"""Brings the raw tables of a warehouse to the version this foretune knows: forward only, and on a copy first."""

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import WarehouseError
from planner.warehouse.sql_files import sql_files

if TYPE_CHECKING:
    from planner.warehouse.connection import Warehouse


def apply_migrations(db: "Warehouse", folder: Path) -> int:
    """Applies the migrations that are not in the warehouse yet, each in one transaction; their number."""
    db.execute("create table if not exists applied_migrations (name varchar primary key, checksum varchar not null)")
    pending = _pending(db, folder)
    for name, text in pending:
        with db.transaction():
            db.execute(text)
            db.execute("insert into applied_migrations values (?, ?)", (name, _checksum(text)))
    return len(pending)


def is_behind(db: "Warehouse", folder: Path) -> bool:
    """Whether a warehouse that an older foretune made waits for migrations."""
    made = (
        "select 1 from duckdb_tables() where database_name = current_database() and table_name = 'applied_migrations'"
    )
    if not db.execute(made) or not db.execute("select 1 from applied_migrations limit 1"):
        return False
    return bool(_pending(db, folder))


def replace_by_migrated_copy(
    db: "Warehouse", folder: Path, open_file: Callable[[Path], AbstractContextManager["Warehouse"]]
) -> Path:
    """Puts a migrated copy in the place of an open warehouse, which is then to be opened again; path of the backup.

    The old file stays as ``<name>.before-<migration>``. Where a migration fails it has never been touched.
    """
    path, first = db.path, _pending(db, folder)[0][0]
    copy = path.with_name(f"{path.name}.migrating")
    backup = path.with_name(f"{path.name}.before-{first}")
    try:
        db.execute("checkpoint")
        shutil.copyfile(path, copy)
        with open_file(copy) as changed:
            apply_migrations(changed, folder)
            changed.execute("checkpoint")
        backup.unlink(missing_ok=True)
        try:
            os.link(path, backup)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, backup)
        copy.replace(path)
    except OSError as error:
        raise WarehouseError(
            f"cannot bring {path} to this version ({error}). It is as it was; check the folder and its free space"
        ) from error
    finally:
        copy.unlink(missing_ok=True)
    return backup


def _pending(db: "Warehouse", folder: Path) -> list[tuple[str, str]]:
    """Name and text of migrations to come; an error where those that were applied are not those that ship."""
    applied = dict(db.execute("select name, checksum from applied_migrations"))
    shipped = sql_files(folder)
    newer = sorted(set(applied) - {name for name, _ in shipped})
    if newer:
        raise WarehouseError(
            f"warehouse {db.path} was written by a newer foretune (migration {newer[-1]}): upgrade foretune, or set "
            "FORETUNE_HOME to another folder"
        )
    for name, text in shipped:
        if applied.get(name, _checksum(text)) != _checksum(text):
            raise WarehouseError(
                f"migration {name} in {folder} differs from the one that warehouse {db.path} was made with: restore "
                "the file (reinstall foretune), or set FORETUNE_HOME to another folder"
            )
    return [(name, text) for name, text in shipped if name not in applied]


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
