"""Opens an MLflow PostgreSQL database through ADBC: read-only transactions that see one moment."""

import re
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

from planner.domain.tracking_uri import redact_uri
from planner.errors import StoreError, StoreUnreachableError
from planner.sources.reader import without_secrets

NO_ANSWER = ("could not connect", "connection to server", "timeout", "terminating connection")
ONE_MOMENT = "set transaction isolation level repeatable read read only"
BY_INDEX = "set local enable_seqscan = off"
"""A batch asks for few runs among many: whole tables would be read again for each."""
SNAPSHOT = re.compile(r"[0-9A-Fa-f-]{1,64}")


class PostgresDatabase:
    """A PostgreSQL database that nothing can be written to through this object."""

    wanted_ids = "json_array_elements_text($1::json) as wanted(value)"
    system_keys = "p.key like 'system/%'"

    def __init__(self, tracking_uri: str) -> None:
        from adbc_driver_manager import Error

        self.source = redact_uri(tracking_uri)
        self.place = "the database"
        self._uri = tracking_uri
        self._connections: list[Any] = []
        self._idle: SimpleQueue[Any] = SimpleQueue()
        try:
            self._connections.append(self._connect())
            self._share_snapshot()
        except Error as error:
            self.close()
            raise self._failure(error) from None  # its text may hold the password
        for connection in self._connections:
            self._idle.put(connection)

    @property
    def queries_at_once(self) -> int:
        """One for each connection."""
        return len(self._connections)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return list(zip(*(column.to_pylist() for column in self.table(query, values).columns), strict=True))

    def table(self, query: str, values: Sequence[Any]) -> Any:
        from adbc_driver_manager import Error

        connection = self._idle.get()
        try:
            return _ask(connection, query, values)
        except Error as error:
            raise self._failure(error) from None  # its text may hold the password
        finally:
            self._idle.put(connection)

    def _connect(self) -> Any:
        from adbc_driver_postgresql import dbapi

        connection = dbapi.connect(f"postgresql://{self._uri.partition('://')[2]}", autocommit=False)
        _begin(connection)
        return connection

    def _share_snapshot(self) -> None:
        """A second connection that sees the same moment; none where the server has no more or shares no snapshot."""
        from adbc_driver_manager import Error

        (first,) = self._connections
        try:
            snapshot = _ask(first, "select pg_export_snapshot()").column(0)[0].as_py()
            if SNAPSHOT.fullmatch(snapshot):
                second = self._connect()
                self._connections.append(second)
                _ask(second, f"set transaction snapshot '{snapshot}'")
        except Error:
            for connection in self._connections[1:]:
                connection.close()
            del self._connections[1:]
            first.rollback()
            _begin(first)

    def columns(self) -> dict[str, set[str]]:
        present: dict[str, set[str]] = {}
        query = (
            "select table_name::text, column_name::text from information_schema.columns "
            "where table_schema = any(current_schemas(false))"
        )
        for table, column in self.rows(query):
            present.setdefault(table, set()).add(column)
        return present

    def _failure(self, error: Exception) -> StoreError:
        text = without_secrets(" ".join(str(error).split()), self._uri)[:500]
        kind = StoreUnreachableError if any(sign in text for sign in NO_ANSWER) else StoreError
        return kind(
            f"{self.source}: PostgreSQL cannot read the store: {text}. Check that it runs, that tracking_uri in "
            "foretune.yaml is right and that its user may select from MLflow's tables"
        )


def _begin(connection: Any) -> None:
    _ask(connection, ONE_MOMENT)
    _ask(connection, BY_INDEX)


def _ask(connection: Any, query: str, values: Sequence[Any] = ()) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, tuple(values) or None)
        return cursor.fetch_arrow_table() if cursor.description else None
