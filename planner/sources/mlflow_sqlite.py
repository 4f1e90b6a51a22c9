"""Reads an MLflow SQLite file with plain SQL: read-only, hundreds of times faster than MLflow's own client."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.domain.tracking_uri import redact_uri
from planner.errors import StoreError, StoreUnreachableError
from planner.sources.reader import BATCH_RUNS, OPEN_STATUSES, PERSONAL_TAGS, SYSTEM_PREFIX, Experiment, finite, matching

SUPPORTED_REVISION = "dc11669786a5"
"""Schema of MLflow 3.17; older and newer ones work as long as they hold the columns below."""

NEEDED_COLUMNS = {
    "experiments": {"experiment_id", "name", "lifecycle_stage"},
    "runs": {"run_uuid", "name", "status", "start_time", "end_time", "lifecycle_stage", "experiment_id"},
    "params": {"key", "value", "run_uuid"},
    "tags": {"key", "value", "run_uuid"},
    "latest_metrics": {"key", "value", "timestamp", "step", "is_nan", "run_uuid"},
    "metrics": {"key", "value", "timestamp", "step", "is_nan", "run_uuid"},
    "inputs": {"input_uuid", "source_type", "source_id", "destination_type", "destination_id"},
    "input_tags": {"input_uuid", "name", "value"},
    "datasets": {"dataset_uuid", "name", "digest", "dataset_source_type", "dataset_schema", "dataset_profile"},
}
BUSY_TIMEOUT_S = 30.0


class SqliteReader:
    """An MLflow SQLite store, opened for reading."""

    def __init__(self, tracking_uri: str) -> None:
        self.source = redact_uri(tracking_uri)
        self._path = _path_of(tracking_uri)
        if not self._path.is_file():
            raise StoreError(f"{self.source}: no file {self._path}. Check tracking_uri under sources in foretune.yaml")
        self._connection = self._connect()
        try:
            self._check_schema()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def experiments(self) -> list[Experiment]:
        rows = self._query("select experiment_id, name, lifecycle_stage from experiments order by experiment_id")
        return [Experiment(str(number), name, stage) for number, name, stage in rows]

    def read(
        self, experiment_patterns: Iterable[str], *, ended_since_ms: int | None, also_run_ids: Collection[str] = ()
    ) -> Iterator[list[RawRun]]:
        names = {e.experiment_id: e.name for e in matching(self.experiments(), experiment_patterns)}
        also = frozenset(also_run_ids)
        heads = self._query(
            "select run_uuid, experiment_id, name, status, lifecycle_stage, start_time, end_time from runs "
            "order by start_time, run_uuid"
        )
        wanted = [
            head
            for head in heads
            if str(head[1]) in names
            and (
                ended_since_ms is None
                or head[6] is None
                or head[3] in OPEN_STATUSES
                or head[6] >= ended_since_ms
                or head[4] == "deleted"
                or head[0] in also
            )
        ]
        for first in range(0, len(wanted), BATCH_RUNS):
            yield self._fill(wanted[first : first + BATCH_RUNS], names)

    def _fill(self, heads: Sequence[tuple[Any, ...]], names: dict[str, str]) -> list[RawRun]:
        run_ids = [head[0] for head in heads]
        params = self._by_run("select run_uuid, key, value from params where run_uuid in ({})", run_ids)
        tags = self._by_run("select run_uuid, key, value from tags where run_uuid in ({})", run_ids)
        columns = "run_uuid, key, value, is_nan, step, timestamp"
        latest = self._by_run(f"select {columns} from latest_metrics where run_uuid in ({{}})", run_ids)
        samples = self._by_run(
            f"select {columns} from metrics where run_uuid in ({{}}) "
            f"and substr(key, 1, {len(SYSTEM_PREFIX)}) = '{SYSTEM_PREFIX}'",
            run_ids,
        )
        inputs = self._by_run(
            "select i.destination_id, d.name, d.digest, d.dataset_source_type, d.dataset_schema, d.dataset_profile, "
            "t.value from inputs i join datasets d on d.dataset_uuid = i.source_id "
            "left join input_tags t on t.input_uuid = i.input_uuid and t.name = 'mlflow.data.context' "
            "where i.source_type = 'DATASET' and i.destination_type = 'RUN' and i.destination_id in ({})",
            run_ids,
        )
        return [
            RawRun(
                run_id=run_id,
                experiment_id=str(experiment_id),
                experiment_name=names[str(experiment_id)],
                run_name=name or "",
                status=status,
                lifecycle_stage=stage,
                start_ms=start,
                end_ms=end,
                params=dict(sorted(params[run_id])),
                tags={key: value or "" for key, value in sorted(tags[run_id]) if key not in PERSONAL_TAGS},
                metrics=_points(latest[run_id]),
                system_samples=_points(samples[run_id]),
                inputs=tuple(sorted((RawInput(*row) for row in inputs[run_id]), key=repr)),
            )
            for run_id, experiment_id, name, status, stage, start, end in heads
        ]

    def _by_run(self, query: str, run_ids: Sequence[str]) -> defaultdict[str, list[Any]]:
        grouped: defaultdict[str, list[Any]] = defaultdict(list)
        for run_id, *rest in self._query(query.format(",".join("?" * len(run_ids))), run_ids):
            grouped[run_id].append(rest)
        return grouped

    def _query(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            kind = StoreUnreachableError if "locked" in str(error) else StoreError
            raise kind(
                f"{self.source}: SQLite cannot read {self._path} ({error}). If a training job is writing, try again "
                "later; if the file is damaged, restore it from a backup"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        """Read-only; as an immutable file where the folder forbids the lock files of a WAL database."""
        location = self._path.resolve().as_uri()
        reason: sqlite3.Error
        try:
            return _probe(f"{location}?mode=ro")
        except sqlite3.OperationalError as error:
            reason = error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.source}: {self._path} is no SQLite database ({error})") from error
        log = self._path.with_name(self._path.name + "-wal")
        if not log.exists() or log.stat().st_size == 0:
            try:
                return _probe(f"{location}?mode=ro&immutable=1")
            except sqlite3.DatabaseError as error:
                reason = error
        raise StoreError(
            f"{self.source}: cannot open {self._path} ({reason}). Check that you may read it; if another program has "
            "it open, copy the file together with its -wal file to a folder you may write to"
        ) from reason

    def _check_schema(self) -> None:
        tables = {name for (name,) in self._query("select name from sqlite_master where type = 'table'")}
        if "alembic_version" not in tables:
            raise StoreError(
                f"{self.source}: {self._path} is an SQLite file but no MLflow store (no table alembic_version)"
            )
        found = ", ".join(version for (version,) in self._query("select version_num from alembic_version")) or "none"
        for table, needed in NEEDED_COLUMNS.items():
            present = {row[1] for row in self._query(f"pragma table_info({table})")}
            missing = sorted(needed - present)
            if missing:
                raise StoreError(
                    f"{self.source}: schema version {found} of {self._path} lacks {table}.{missing[0]}; foretune reads "
                    f"version {SUPPORTED_REVISION} (MLflow 3.17). For an older store run `mlflow db upgrade "
                    "<tracking URI>`, for a newer one upgrade foretune"
                )


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


def _points(rows: Iterable[Sequence[Any]]) -> tuple[RawMetric, ...]:
    points = [RawMetric(key, None if is_nan else finite(value), step, at) for key, value, is_nan, step, at in rows]
    return tuple(sorted(points, key=point_order))


def point_order(point: RawMetric) -> tuple[str, int, int, float]:
    """Sorts the points of a run in one way for every reader."""
    return point.key, point.timestamp_ms, point.step, float("-inf") if point.value is None else point.value
