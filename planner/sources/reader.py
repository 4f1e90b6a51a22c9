"""What a tracking store must offer, and the way in by its URI."""

import re
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol

from planner.domain.programme import Programme
from planner.domain.raw_run import RawRun
from planner.domain.tracking_uri import redact_uri

BATCH_RUNS = 500
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


class RunReader(Protocol):
    """A tracking store opened for reading."""

    source: str
    """Names the store in every row: its URI without credentials."""

    def experiments(self) -> list[Experiment]:
        """All experiments, deleted ones too."""
        ...

    def read(
        self, experiment_patterns: Iterable[str], *, ended_since_ms: int | None, also_run_ids: Collection[str] = ()
    ) -> Iterator[list[RawRun]]:
        """Runs of the matching experiments in batches of at most 500.

        With ``ended_since_ms``: runs that ended since then, those still open, all deleted ones, and the named ones.
        """
        ...

    def close(self) -> None:
        """Lets go of the store; use ``contextlib.closing``."""
        ...


def open_reader(tracking_uri: str) -> RunReader:
    """The reader for a tracking URI; ``StoreError`` where the store is missing or cannot be read."""
    if is_sqlite(tracking_uri):
        from planner.sources.mlflow_sqlite import SqliteReader

        return SqliteReader(tracking_uri)
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
    return tracking_uri.partition(":")[0].partition("+")[0] == "sqlite"


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
