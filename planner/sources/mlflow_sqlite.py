"""Opens an MLflow SQLite file: read-only, through ADBC where that is installed, else through Python's own module."""

import sqlite3
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from planner.domain.tracking_uri import redact_uri
from planner.errors import StoreError, StoreUnreachableError

BUSY_TIMEOUT_S = 30.0
ROWS_PER_CHUNK = 65_536
"""ADBC infers the type of a column from its first chunk."""


class SqliteDatabase:
    """An SQLite file that nothing can be written to through this object."""

    queries_at_once = 2
    wanted_ids = "json_each(?) as wanted"
    system_keys = "p.key >= 'system/' and p.key < 'system0'"

    def __init__(self, tracking_uri: str) -> None:
        self.source = redact_uri(tracking_uri)
        self._path = _path_of(tracking_uri)
        self.place = str(self._path)
        if not self._path.is_file():
            raise StoreError(f"{self.source}: no file {self._path}. Check tracking_uri under sources in foretune.yaml")
        self._connection, self._location = self._connect()
        self._is_fast = find_spec("adbc_driver_sqlite") is not None

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._ask(query, values)[1]

    def table(self, query: str, values: Sequence[Any]) -> Any:
        """Through ADBC; what that refuses (a text that is no UTF-8, a file that is locked) in the patient way."""
        import pyarrow as pa

        if self._is_fast:
            from adbc_driver_sqlite import dbapi

            try:
                with dbapi.connect(self._location) as connection, connection.cursor() as cursor:
                    cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(ROWS_PER_CHUNK)})
                    cursor.execute(query, tuple(values))
                    table = cursor.fetch_arrow_table()
                table.validate(full=True)
                return table
            except (dbapi.Error, pa.ArrowInvalid):
                pass
        names, rows = self._ask(query, values)
        return pa.table([pa.array(column) for column in zip(*rows, strict=True)] or [pa.nulls(0)] * len(names), names)

    def _ask(self, query: str, values: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            cursor = self._connection.execute(query, values)
            return [str(number) for number in range(len(cursor.description))], cursor.fetchall()
        except sqlite3.DatabaseError as error:
            kind = StoreUnreachableError if "locked" in str(error) else StoreError
            raise kind(
                f"{self.source}: SQLite cannot read {self._path} ({error}). If a training job is writing, try again "
                "later; if the file is damaged, restore it from a backup"
            ) from error

    def columns(self) -> dict[str, set[str]]:
        tables = [name for (name,) in self.rows("select name from sqlite_master where type = 'table'")]
        query = "select name from pragma_table_info(?)"
        return {table: {name for (name,) in self.rows(query, (table,))} for table in tables}

    def _connect(self) -> tuple[sqlite3.Connection, str]:
        """Read-only; as an immutable file where the folder forbids the lock files of a WAL database."""
        location = self._path.resolve().as_uri()
        reason: sqlite3.Error
        try:
            return _probe(f"{location}?mode=ro"), f"{location}?mode=ro"
        except sqlite3.OperationalError as error:
            reason = error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.source}: {self._path} is no SQLite database ({error})") from error
        log = self._path.with_name(self._path.name + "-wal")
        if not log.exists() or log.stat().st_size == 0:
            try:
                return _probe(f"{location}?mode=ro&immutable=1"), f"{location}?mode=ro&immutable=1"
            except sqlite3.DatabaseError as error:
                reason = error
        raise StoreError(
            f"{self.source}: cannot open {self._path} ({reason}). Check that you may read it; if another program has "
            "it open, copy the file together with its -wal file to a folder you may write to"
        ) from reason


def _probe(location: str) -> sqlite3.Connection:
    connection = sqlite3.connect(location, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    connection.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
    try:
        connection.execute("select count(*) from sqlite_master").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _path_of(tracking_uri: str) -> Path:
    """``sqlite:///relative`` or ``sqlite:////absolute``, as SQLAlchemy reads them."""
    without_query = tracking_uri.partition("?")[0]
    _, _, path = without_query.partition("://")
    if not path.startswith("/") or path == "/":
        raise StoreError(f"{redact_uri(tracking_uri)}: write sqlite:///relative/path.db or sqlite:////absolute/path.db")
    return Path(unquote(path[1:]) if "%" in path and not Path(path[1:]).exists() else path[1:])
