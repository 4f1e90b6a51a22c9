"""Raw runs as columns: what a reader hands over and the warehouse lands, an Arrow table for each raw table."""

from collections.abc import Iterable, Sequence
from typing import Any

from planner.domain.raw_run import RawRun

RAW_COLUMNS: dict[str, dict[str, str]] = {
    "raw_runs": {
        "experiment_id": "string",
        "experiment_name": "string",
        "run_name": "string",
        "status": "string",
        "lifecycle_stage": "string",
        "start_ms": "int64",
        "end_ms": "int64",
    },
    "raw_params": {"key": "string", "value": "string"},
    "raw_tags": {"key": "string", "value": "string"},
    "raw_metrics": {"key": "string", "value": "float64", "step": "int64", "timestamp_ms": "int64"},
    "raw_system_samples": {"key": "string", "value": "float64", "step": "int64", "timestamp_ms": "int64"},
    "raw_metric_points": {"key": "string", "value": "float64", "step": "int64", "timestamp_ms": "int64"},
    "raw_inputs": {
        "name": "string",
        "digest": "string",
        "source_type": "string",
        "schema": "string",
        "profile": "string",
        "context": "string",
    },
    "raw_models": {
        "model_id": "string",
        "name": "string",
        "model_type": "string",
        "step": "int64",
        "created_ms": "int64",
    },
}
"""Raw table -> its columns and their Arrow types; ``run_id`` stands before them."""

MAX_TEXT = 32_768
"""Longer params, tags, schemas and profiles are cut here; MLflow's own limit for a value is 8,000 characters."""

RawBatch = dict[str, Any]
"""Raw table -> Arrow table; all rows of its runs, in any order."""


def as_batch(runs: Sequence[RawRun]) -> RawBatch:
    """Runs as columns."""
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in RAW_COLUMNS}
    for run in runs:
        rows["raw_runs"].append((run.run_id, *run[1:8]))
        for table, parts in _parts(run).items():
            rows[table] += [(run.run_id, *part) for part in parts]
    return {table: as_arrow(table, found) for table, found in rows.items()}


def as_arrow(table: str, rows: Sequence[Sequence[Any]]) -> Any:
    """Rows of a raw table, run id first, as an Arrow table; texts are cut at ``MAX_TEXT``."""
    import pyarrow as pa

    columns = {"run_id": "string"} | RAW_COLUMNS[table]
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [
        pa.array([_cut(value) for value in given] if kind == "string" else given, type=getattr(pa, kind)())
        for given, kind in zip(values, columns.values(), strict=True)
    ]
    return pa.table(arrays, names=list(columns))


def run_ids(batch: RawBatch) -> list[str]:
    """The runs of a batch."""
    return [str(run_id) for run_id in batch["raw_runs"].column("run_id").to_pylist()]


def only(batch: RawBatch, wanted: Sequence[str]) -> RawBatch:
    """The part of a batch that belongs to some of its runs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pa.array(wanted, type=pa.string())
    return {table: rows.filter(pc.is_in(rows.column("run_id"), value_set=values)) for table, rows in batch.items()}


def _parts(run: RawRun) -> dict[str, Iterable[tuple[Any, ...]]]:
    return {
        "raw_params": run.params.items(),
        "raw_tags": run.tags.items(),
        "raw_metrics": run.metrics,
        "raw_system_samples": run.system_samples,
        "raw_metric_points": run.metric_points,
        "raw_inputs": run.inputs,
        "raw_models": run.models,
    }


def _cut(value: str | None) -> str | None:
    """Of a text of any kind what Arrow can hold: no lone surrogates, at most ``MAX_TEXT`` characters."""
    return value if value is None else value[:MAX_TEXT].encode("utf-8", errors="replace").decode("utf-8")
