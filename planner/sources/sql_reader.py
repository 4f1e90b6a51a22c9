"""Reads an MLflow database with plain SQL into columns: the same few queries for SQLite and PostgreSQL."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from planner.dialects.facts import POINTS_READ
from planner.domain.raw_batch import MAX_TEXT, RawBatch, as_arrow
from planner.errors import StoreError
from planner.sources.reader import (
    BATCH_RUNS,
    LARGEST_FINITE,
    OPEN_STATUSES,
    PERSONAL_TAGS,
    Experiment,
    Seen,
    matching,
)

SUPPORTED_REVISION = "dc11669786a5"
"""Schema of MLflow 3.17; older and newer ones work as long as they hold the columns below."""

NEEDED_COLUMNS = {
    "experiments": {"experiment_id", "name", "lifecycle_stage"},
    "runs": {
        "run_uuid",
        "name",
        "status",
        "start_time",
        "end_time",
        "lifecycle_stage",
        "experiment_id",
        "artifact_uri",
    },
    "params": {"key", "value", "run_uuid"},
    "tags": {"key", "value", "run_uuid"},
    "latest_metrics": {"key", "value", "timestamp", "step", "is_nan", "run_uuid"},
    "metrics": {"key", "value", "timestamp", "step", "is_nan", "run_uuid"},
    "inputs": {"input_uuid", "source_type", "source_id", "destination_type", "destination_id"},
    "input_tags": {"input_uuid", "name", "value"},
    "datasets": {"dataset_uuid", "name", "digest", "dataset_source_type", "dataset_schema", "dataset_profile"},
}
MODELS_TABLE = "logged_models"
"""Only stores of MLflow 3 have it."""

MAX_ROWS = 2_000_000
"""At most so many rows of one table are held at once: more runs make smaller batches, and one run is cut here."""

TEXTS = "select p.run_uuid, p.key, coalesce(substr(cast(p.value as text), 1, {cut}), '') from {ids}"
POINTS = (
    "select p.run_uuid, p.key, coalesce(cast(p.value as double precision), 0.0), cast(p.step as bigint), "
    "cast(p.timestamp as bigint), cast(p.is_nan as integer) from {ids}"
)
NAMED = ("raw_params", "raw_tags")
QUERIES = {
    "raw_params": f"{TEXTS} cross join params p where p.run_uuid = wanted.value",
    "raw_tags": f"{TEXTS} cross join tags p where p.run_uuid = wanted.value and p.key not in ({{personal}})",
    "raw_metrics": f"{POINTS} cross join latest_metrics p where p.run_uuid = wanted.value",
    "raw_system_samples": f"{POINTS} cross join metrics p where p.run_uuid = wanted.value and {{system_keys}}",
    "raw_metric_points": f"{POINTS} cross join metrics p where p.run_uuid = wanted.value and p.key in ({{point_keys}})",
}
INPUTS = (
    "select i.destination_id, d.name, d.digest, d.dataset_source_type, substr(d.dataset_schema, 1, {cut}), "
    "substr(d.dataset_profile, 1, {cut}), t.value from {ids} cross join inputs i "
    "join datasets d on d.dataset_uuid = i.source_id "
    "left join input_tags t on t.input_uuid = i.input_uuid and t.name = 'mlflow.data.context' "
    "where i.source_type = 'DATASET' and i.destination_type = 'RUN' and i.destination_id = wanted.value"
)
MODELS = (
    "select i.source_id, m.model_id, m.name, coalesce(m.model_type, ''), i.step, m.creation_timestamp_ms from {ids} "
    f"cross join inputs i join {MODELS_TABLE} m on m.model_id = i.destination_id "
    "where i.source_type = 'RUN_OUTPUT' and i.destination_type = 'MODEL_OUTPUT' and i.source_id = wanted.value"
)
HEADS = (
    "select run_uuid, cast(experiment_id as text), name, status, lifecycle_stage, cast(start_time as bigint), "
    "cast(end_time as bigint) from runs order by start_time, run_uuid"
)


class Database(Protocol):
    """A database opened so that nothing can be written to it."""

    source: str
    place: str
    """Where it is, for messages."""
    wanted_ids: str
    """A relation ``wanted(value)`` of the texts in the JSON array that is bound to the query."""

    system_keys: str
    """The condition for metrics of the hardware, ``p.key`` being the key: one that its indexes can answer."""

    @property
    def queries_at_once(self) -> int:
        """Tables that it can be asked for at the same time."""
        ...

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        ...

    def table(self, query: str, values: Sequence[Any]) -> Any:
        """All rows of a query as an Arrow table."""
        ...

    def columns(self) -> dict[str, set[str]]:
        """Table -> its columns."""
        ...

    def close(self) -> None: ...


class SqlReader:
    """An MLflow database, opened for reading."""

    def __init__(self, database: Database) -> None:
        self.source = database.source
        self._database = database
        try:
            self._has_models = self._check_schema()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._database.close()

    def experiments(self) -> list[Experiment]:
        query = "select experiment_id, name, lifecycle_stage from experiments order by experiment_id"
        return [Experiment(str(number), name, stage) for number, name, stage in self._database.rows(query)]

    def read(self, experiment_patterns: Iterable[str], seen: Seen | None = None) -> Iterator[RawBatch]:
        names = {e.experiment_id: e.name for e in matching(self.experiments(), experiment_patterns)}
        heads = [
            (run_id, experiment, names[experiment], name or "", status or "", stage or "", start, end)
            for run_id, experiment, name, status, stage, start, end in self._database.rows(HEADS)
            if experiment in names and _may_have_changed(run_id, status, stage, end, seen)
        ]
        for first in range(0, len(heads), BATCH_RUNS):
            yield from self._batches(heads[first : first + BATCH_RUNS])

    def artifact_uris(self, run_ids: Sequence[str]) -> dict[str, str]:
        query = "select r.run_uuid, r.artifact_uri from {ids} cross join runs r where r.run_uuid = wanted.value"
        rows = self._database.rows(self._filled(query), (json.dumps(list(run_ids)),))
        return {run_id: uri for run_id, uri in rows if uri}

    def _batches(self, heads: list[tuple[Any, ...]]) -> Iterator[RawBatch]:
        """The runs in one batch, or in halves where a table would hold more than ``MAX_ROWS`` rows."""
        ids = json.dumps([head[0] for head in heads])
        batch: RawBatch = {"raw_runs": as_arrow("raw_runs", heads)}
        limit = MAX_ROWS + (len(heads) > 1)
        with ThreadPoolExecutor(self._database.queries_at_once) as pool:
            found = pool.map(
                lambda query: self._database.table(self._filled(f"{query} limit {limit}"), (ids,)), QUERIES.values()
            )
            tables = dict(zip(QUERIES, found, strict=True))
        if any(rows.num_rows > MAX_ROWS for rows in tables.values()):
            del tables, found
            yield from self._batches(heads[: len(heads) // 2])
            yield from self._batches(heads[len(heads) // 2 :])
            return
        batch |= {table: _named(rows) if table in NAMED else _points(rows) for table, rows in tables.items()}
        batch["raw_inputs"] = as_arrow("raw_inputs", self._database.rows(self._filled(INPUTS), (ids,)))
        models = self._database.rows(self._filled(MODELS), (ids,)) if self._has_models else []
        batch["raw_models"] = as_arrow("raw_models", models)
        yield batch

    def _filled(self, query: str) -> str:
        return query.format(
            ids=self._database.wanted_ids,
            system_keys=self._database.system_keys,
            point_keys=_listed(POINTS_READ),
            cut=MAX_TEXT,
            personal=_listed(sorted(PERSONAL_TAGS)),
        )

    def _check_schema(self) -> bool:
        """Whether the store knows logged models; ``StoreError`` where it lacks a column that is read."""
        database = self._database
        present = database.columns()
        if "alembic_version" not in present:
            raise StoreError(f"{self.source}: {database.place} holds no MLflow store (no table alembic_version)")
        found = ", ".join(row[0] for row in database.rows("select version_num from alembic_version")) or "none"
        for table, needed in NEEDED_COLUMNS.items():
            missing = sorted(needed - present.get(table, set()))
            if missing:
                raise StoreError(
                    f"{self.source}: schema version {found} of {database.place} lacks {table}.{missing[0]}; foretune "
                    f"reads version {SUPPORTED_REVISION} (MLflow 3.17). For an older store run `mlflow db upgrade "
                    "<tracking URI>`, for a newer one upgrade foretune"
                )
        return MODELS_TABLE in present and "step" in present["inputs"]


def _may_have_changed(run_id: str, status: str, stage: str, end_ms: int | None, seen: Seen | None) -> bool:
    if seen is None or run_id not in seen.known or run_id in seen.open:
        return True
    if stage == "deleted" or run_id in seen.deleted:
        return (stage == "deleted") != (run_id in seen.deleted)
    return end_ms is None or status in OPEN_STATUSES or end_ms >= seen.ended_since_ms


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _named(rows: Any) -> Any:
    import pyarrow as pa

    return pa.table([column.cast(pa.string()) for column in rows.columns], names=["run_id", "key", "value"])


def _points(rows: Any) -> Any:
    """Metric points without the column that says NaN; values that are no finite number become null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = (pa.string(), pa.string(), pa.float64(), pa.int64(), pa.int64(), pa.int64())
    run_id, key, value, step, timestamp, is_nan = (c.cast(k) for c, k in zip(rows.columns, kinds, strict=True))
    known = pc.and_(pc.equal(is_nan, 0), pc.less(pc.abs(value), LARGEST_FINITE))
    names = ["run_id", "key", "value", "step", "timestamp_ms"]
    return pa.table([run_id, key, pc.if_else(known, value, None), step, timestamp], names=names)
