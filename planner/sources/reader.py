"""What a tracking store must offer, and the way in by its URI."""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from planner.domain.programme import Programme
from planner.domain.raw_batch import RawBatch
from planner.domain.tracking_uri import redact_uri

BATCH_RUNS = 2000
SYSTEM_PREFIX = "system/"
OPEN_STATUSES = ("RUNNING", "SCHEDULED")
PERSONAL_TAGS = frozenset({"mlflow.user"})
"""Who started a run is nobody's business here: these tags are not read."""
LARGEST_FINITE = 1.7e308
"""MLflow's SQL stores keep an infinity as the largest double."""


class Experiment(NamedTuple):
    experiment_id: str
    name: str
    lifecycle_stage: str


class Seen(NamedTuple):
    """What an earlier reading brought, so that the next one reads only what may have changed."""

    ended_since_ms: int
    """Runs that ended since then are read again: metrics and tags may arrive late."""
    known: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    """Not ended when last seen: read again."""
    deleted: frozenset[str] = frozenset()
    """Deleted when last seen, and so unchangeable: read again only where they were restored."""


class RunReader(Protocol):
    """A tracking store opened for reading."""

    source: str
    """Names the store in every row: its URI without credentials."""

    def experiments(self) -> list[Experiment]:
        """All experiments, deleted ones too."""
        ...

    def read(self, experiment_patterns: Iterable[str], seen: Seen | None = None) -> Iterator[RawBatch]:
        """Runs of the matching experiments in batches, each run once; without ``seen`` all of them."""
        ...

    def artifact_uris(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Where the artifacts of runs are, by run id; runs that the store does not hold are left out."""
        ...

    def close(self) -> None:
        """Lets go of the store; use ``contextlib.closing``."""
        ...


def open_reader(tracking_uri: str) -> RunReader:
    """The reader for a tracking URI; ``StoreError`` where the store is missing or cannot be read.

    SQLite and PostgreSQL are read with SQL, everything else through MLflow's client.
    """
    if is_sqlite(tracking_uri):
        from planner.sources.mlflow_sqlite import SqliteDatabase
        from planner.sources.sql_reader import SqlReader

        return SqlReader(SqliteDatabase(tracking_uri))
    if is_postgres(tracking_uri) and find_spec("adbc_driver_postgresql"):
        from planner.sources.mlflow_postgres import PostgresDatabase
        from planner.sources.sql_reader import SqlReader

        return SqlReader(PostgresDatabase(tracking_uri))
    from planner.sources.mlflow_client import ClientReader

    return ClientReader(tracking_uri)


def check_stores(programme: Programme) -> None:
    """``StoreError`` where a store file is missing or unreadable; servers are asked only when they are read."""
    for source in programme.sources:
        if is_sqlite(source.tracking_uri):
            open_reader(source.tracking_uri).close()


def is_sqlite(tracking_uri: str) -> bool:
    """Whether a URI names an SQLite file.

    >>> is_sqlite("sqlite:///mlflow.db"), is_sqlite("http://localhost:5000")
    (True, False)
    """
    return _database(tracking_uri) == "sqlite"


def is_postgres(tracking_uri: str) -> bool:
    """Whether a URI names a PostgreSQL database, with whatever driver.

    >>> is_postgres("postgresql+psycopg2://db/mlflow"), is_postgres("sqlite:///mlflow.db")
    (True, False)
    """
    return _database(tracking_uri) in ("postgresql", "postgres")


def without_secrets(text: str, tracking_uri: str) -> str:
    """A message of another library with every credential of the URI taken out."""
    cleaned = text.replace(tracking_uri, redact_uri(tracking_uri))
    return re.sub(r"://[^/\s]+@", "://", cleaned)


def matching(experiments: Iterable[Experiment], patterns: Iterable[str]) -> list[Experiment]:
    """Experiments whose name fits one of the shell patterns."""
    patterns = tuple(patterns)
    return [e for e in experiments if any(fnmatchcase(e.name, pattern) for pattern in patterns)]


def finite(value: float) -> float | None:
    """The value, or None where it is NaN or an infinity in any of the ways stores write one."""
    return value if abs(value) < LARGEST_FINITE else None


def _database(tracking_uri: str) -> str:
    return tracking_uri.partition(":")[0].partition("+")[0]
