"""Lands raw runs: a run's rows are replaced only where its content changed, so that landing twice changes nothing."""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from planner.domain.raw_run import RawRun
from planner.warehouse.connection import Warehouse

TABLES: dict[str, dict[str, str]] = {
    "raw_runs": {
        "experiment_id": "string",
        "experiment_name": "string",
        "run_name": "string",
        "status": "string",
        "lifecycle_stage": "string",
        "start_ms": "int64",
        "end_ms": "int64",
        "content_hash": "string",
    },
    "raw_params": {"key": "string", "value": "string"},
    "raw_tags": {"key": "string", "value": "string"},
    "raw_metrics": {"key": "string", "value": "float64", "step": "int64", "timestamp_ms": "int64"},
    "raw_system_samples": {"key": "string", "value": "float64", "step": "int64", "timestamp_ms": "int64"},
    "raw_inputs": {
        "name": "string",
        "digest": "string",
        "source_type": "string",
        "schema": "string",
        "profile": "string",
        "context": "string",
    },
}


@dataclass(frozen=True)
class Landed:
    """What one reading of a source brought."""

    num_read: int
    num_changed: int
    newest_end_ms: int | None
    """Latest end of the runs read, times in the future left out: the next watermark."""


def land(db: Warehouse, source: str, batches: Iterable[Sequence[RawRun]]) -> Landed:
    """Writes the runs of one source, each batch in one transaction."""
    num_read = num_changed = 0
    newest: int | None = None
    now_ms = int(time.time() * 1000)
    for batch in batches:
        num_read += len(batch)
        num_changed += _land_batch(db, source, batch)
        ends = [run.end_ms for run in batch if run.end_ms is not None and run.end_ms <= now_ms]
        newest = max(ends + ([] if newest is None else [newest]), default=None)
    return Landed(num_read, num_changed, newest)


def watermark(db: Warehouse, source: str, experiment_patterns: Sequence[str]) -> int | None:
    """End of the newest run at the last complete reading, in ms; None where these patterns were never read whole."""
    found = db.execute(
        "select watermark_ms from ingest_state where source = ? and experiment_patterns = ?",
        (source, _patterns_text(experiment_patterns)),
    )
    return int(found[0][0]) if found else None


def set_watermark(db: Warehouse, source: str, experiment_patterns: Sequence[str], watermark_ms: int) -> None:
    """To be called after a reading that went through to its end; a watermark never goes back for the same patterns."""
    db.execute(
        "insert into ingest_state values (?, ?, ?) on conflict (source) do update set "
        "experiment_patterns = excluded.experiment_patterns, watermark_ms = case when "
        "ingest_state.experiment_patterns = excluded.experiment_patterns "
        "then greatest(ingest_state.watermark_ms, excluded.watermark_ms) else excluded.watermark_ms end",
        (source, _patterns_text(experiment_patterns), watermark_ms),
    )


def open_run_ids(db: Warehouse, source: str) -> frozenset[str]:
    """Runs to look at again: not ended when last seen, or deleted and so perhaps restored."""
    rows = db.execute(
        "select run_id from raw_runs where source = ? and "
        "(status not in ('FINISHED', 'FAILED', 'KILLED') or end_ms is null or lifecycle_stage = 'deleted')",
        (source,),
    )
    return frozenset(run_id for (run_id,) in rows)


def _land_batch(db: Warehouse, source: str, batch: Sequence[RawRun]) -> int:
    hashes = {run.run_id: _content_hash(run) for run in batch}
    known = dict(
        db.execute(
            "select run_id, content_hash from raw_runs where source = ? and list_contains(?, run_id)",
            (source, list(hashes)),
        )
    )
    changed = {run.run_id: run for run in batch if known.get(run.run_id) != hashes[run.run_id]}
    if not changed:
        return 0
    replaced = [run_id for run_id in changed if run_id in known]
    with db.transaction():
        for table, columns in TABLES.items():
            if replaced:
                db.execute(f"delete from {table} where source = ? and list_contains(?, run_id)", (source, replaced))
            rows = [
                (source, run.run_id, *row)
                for run in changed.values()
                for row in _rows_of(table, run, hashes[run.run_id])
            ]
            if rows:
                names = ("source", "run_id", *columns)
                kinds = ("string", "string", *columns.values())
                db.insert(f"insert into {table} ({', '.join(names)}) select * from batch", _arrow(rows, names, kinds))
    return len(changed)


def _rows_of(table: str, run: RawRun, content_hash: str) -> Iterable[tuple[Any, ...]]:
    if table == "raw_runs":
        return [
            (
                run.experiment_id,
                run.experiment_name,
                run.run_name,
                run.status,
                run.lifecycle_stage,
                run.start_ms,
                run.end_ms,
                content_hash,
            )
        ]
    if table == "raw_params":
        return list(run.params.items())
    if table == "raw_tags":
        return list(run.tags.items())
    return {"raw_metrics": run.metrics, "raw_system_samples": run.system_samples, "raw_inputs": run.inputs}[table]


def _content_hash(run: RawRun) -> str:
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def _arrow(rows: Sequence[tuple[Any, ...]], names: Sequence[str], kinds: Sequence[str]) -> Any:
    import pyarrow as pa

    arrays = [
        pa.array(values, type=getattr(pa, kind)()) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]
    return pa.table(arrays, names=list(names))


def _patterns_text(experiment_patterns: Sequence[str]) -> str:
    return json.dumps(sorted(experiment_patterns))
