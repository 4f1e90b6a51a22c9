"""Opens an MLflow PostgreSQL database through ADBC: one read-only transaction that sees one moment."""

from collections.abc import Sequence
from typing import Any

from planner.domain.tracking_uri import redact_uri
from planner.errors import StoreError, StoreUnreachableError
from planner.sources.reader import without_secrets

NO_ANSWER = ("could not connect", "connection to server", "timeout", "terminating connection")
ONE_MOMENT = "set transaction isolation level repeatable read read only"


class PostgresDatabase:
    """A PostgreSQL database that nothing can be written to through this object."""

    queries_at_once = 1
    """All in one transaction, which one connection has."""
    wanted_ids = "json_array_elements_text($1::json) as wanted(value)"
    system_keys = "p.key like 'system/%'"

    def __init__(self, tracking_uri: str) -> None:
        from adbc_driver_postgresql import dbapi

        self.source = redact_uri(tracking_uri)
        self.place = "the database"
        self._uri = tracking_uri
        _, _, rest = tracking_uri.partition("://")
        try:
            self._connection = dbapi.connect(f"postgresql://{rest}", autocommit=False)
        except dbapi.Error as error:
            raise self._failure(error) from error
        self.rows(ONE_MOMENT)

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found = self.table(query, values)
        return [] if found is None else list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def table(self, query: str, values: Sequence[Any]) -> Any:
        from adbc_driver_manager import Error

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query, tuple(values) or None)
                return cursor.fetch_arrow_table() if cursor.description else None
        except Error as error:
            raise self._failure(error) from error

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
