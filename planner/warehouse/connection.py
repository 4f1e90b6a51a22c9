"""Opens the warehouse and its snapshot; what can go wrong there becomes a ``WarehouseError``.

DuckDB is imported inside functions: Prefect keeps flows, and so the names they imported, alive until the process ends,
and DuckDB complains about every object of its own that is alive then.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import WarehouseError
from planner.warehouse.migrations import apply_migrations, is_behind, replace_by_migrated_copy
from planner.warehouse.sql_files import sql_folder

if TYPE_CHECKING:
    import duckdb

PATIENCE_S = 20.0
"""An ingest between two steps of a weekly job is over by then."""
MEMORY_LIMIT = "1GiB"
"""What does not fit is put on the disk, beside the warehouse."""
CHECKPOINT_AFTER = "128MiB"
"""Of log: DuckDB's own 16 MiB are reached with every batch, and a checkpoint takes longer than the batch."""
SIGNS_OF_A_LOCK = ("could not set lock", "conflicting lock", "used by another process")
"""In DuckDB's words, on Unix and on Windows."""
SIGNS_OF_A_FULL_DISK = ("could not write", "no space left", "file too large")
"""In DuckDB's words, whatever the kind of its error: a commit says it too."""


class Warehouse:
    """An open database. Times in it are UTC."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", path: Path) -> None:
        self._connection = connection
        self._in_transaction = False
        self.path = path

    def close(self) -> None:
        """Closes the database and lets go of it, whoever still holds this object (a flow engine keeps arguments)."""
        self._connection.close()
        del self._connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement; ``values`` are bound to its question marks."""
        return self._connection.execute(statement, list(values) or None).fetchall()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a query by column name."""
        cursor = self._connection.execute(query, list(values) or None)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def insert(self, statement: str, batch: Any) -> int:
        """Runs an insert whose query reads from ``batch``, an Arrow table; the number of rows written."""
        with self.shown({"batch": batch}):
            return int(self._connection.execute(statement).fetchall()[0][0])

    @contextmanager
    def shown(self, tables: Mapping[str, Any]) -> Iterator[None]:
        """Arrow tables that statements can read by name meanwhile."""
        for name, table in tables.items():
            self._connection.register(name, table)
        try:
            yield
        finally:
            for name in tables:
                self._connection.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction it joins that one."""
        import duckdb

        if self._in_transaction:
            yield
            return
        self._connection.begin()
        self._in_transaction = True
        try:
            yield
            self._connection.commit()
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed has rolled back itself
                self._connection.rollback()
            raise
        finally:
            self._in_transaction = False


@contextmanager
def connect(path: Path) -> Iterator[Warehouse]:
    """The warehouse at ``path``, created or migrated where needed.

    Only one process can have it open: while another has, it is asked for ``PATIENCE_S`` seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(
            f"warehouse {path}: cannot make its folder ({error}). Set FORETUNE_HOME to a folder you may write to"
        ) from error
    folder = sql_folder() / "migrations"
    with ExitStack() as stack:
        db = stack.enter_context(_opened(path, read_only=False, patience_s=PATIENCE_S))
        if is_behind(db, folder):
            replace_by_migrated_copy(db, folder, open_file=partial(_opened, read_only=False))
            stack.close()
            db = stack.enter_context(_opened(path, read_only=False, patience_s=PATIENCE_S))
        apply_migrations(db, folder)
        with _clear_when_full(path):
            yield db


@contextmanager
def open_snapshot(path: Path) -> Iterator[Warehouse]:
    """The published copy of the marts, read-only; it never waits for whoever writes the warehouse."""
    if not path.is_file():
        raise WarehouseError(f"no snapshot at {path}: run `foretune weekly` once to make it, or set FORETUNE_HOME")
    with _opened(path, read_only=True) as db:
        yield db


@contextmanager
def _opened(path: Path, *, read_only: bool, patience_s: float = 0.0) -> Iterator[Warehouse]:
    import duckdb

    give_up = time.monotonic() + patience_s
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
            connection.execute(f"set checkpoint_threshold = '{CHECKPOINT_AFTER}'")
            break
        except duckdb.Error as error:
            if not _is_locked(error) or time.monotonic() >= give_up:
                raise _opening_error(path, error) from error
            time.sleep(0.2)
    warehouse = Warehouse(connection, path)
    del connection
    try:
        yield warehouse
    finally:
        warehouse.close()


@contextmanager
def _clear_when_full(path: Path) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if not isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException) and not _is_full(error):
            raise
        raise WarehouseError(
            f"cannot write {path} ({' '.join(str(error).split())[:300]}). What was written before stays; check the "
            "free space of its folder, then run the same command again"
        ) from error


def _is_full(error: "duckdb.Error") -> bool:
    return any(sign in str(error).lower() for sign in SIGNS_OF_A_FULL_DISK)


def _is_locked(error: "duckdb.Error") -> bool:
    return any(sign in str(error).lower() for sign in SIGNS_OF_A_LOCK)


def _opening_error(path: Path, error: "duckdb.Error") -> WarehouseError:
    import duckdb

    text = " ".join(str(error).split())[:400]
    if _is_locked(error):
        return WarehouseError(
            f"warehouse {path} is in use by another process: wait until it has finished, or stop it ({text})"
        )
    if isinstance(error, duckdb.ConnectionException):
        return WarehouseError(f"warehouse {path} is already open in this process in another mode ({text})")
    return WarehouseError(
        f"cannot open {path} ({text}). If the file is damaged, move it away: the next `foretune ingest` reads the "
        "runs from their stores again"
    )
