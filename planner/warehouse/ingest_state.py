"""How far each source has been read, and which of its runs may still change."""

import json
from collections.abc import Sequence

from planner.warehouse.connection import Warehouse


def watermark(db: Warehouse, source: str, experiment_patterns: Sequence[str]) -> int | None:
    """End of the newest run at the last complete reading, in ms; None where these patterns were never read whole."""
    found = db.execute(
        "select watermark_ms from ingest_state where source = ? and experiment_patterns = ?",
        (source, _patterns_text(experiment_patterns)),
    )
    return int(found[0][0]) if found else None


def read_whole_at(db: Warehouse, source: str) -> int:
    """When the source was last read whole, in ms since 1970; 0 where nobody noted it."""
    found = db.execute("select read_whole_ms from ingest_state where source = ?", (source,))
    return int(found[0][0] or 0) if found else 0


def set_watermark(
    db: Warehouse,
    source: str,
    experiment_patterns: Sequence[str],
    watermark_ms: int,
    *,
    read_whole_ms: int | None = None,
) -> None:
    """To be called after a reading that went through to its end; a watermark never goes back for the same patterns."""
    db.execute(
        "insert into ingest_state values (?, ?, ?, ?) on conflict (source) do update set "
        "experiment_patterns = excluded.experiment_patterns, watermark_ms = case when "
        "ingest_state.experiment_patterns = excluded.experiment_patterns "
        "then greatest(ingest_state.watermark_ms, excluded.watermark_ms) else excluded.watermark_ms end, "
        "read_whole_ms = coalesce(excluded.read_whole_ms, ingest_state.read_whole_ms)",
        (source, _patterns_text(experiment_patterns), watermark_ms, read_whole_ms),
    )


def known_run_ids(db: Warehouse, source: str) -> frozenset[str]:
    """All runs of a source in the warehouse."""
    return _ids(db, source, "true")


def open_run_ids(db: Warehouse, source: str) -> frozenset[str]:
    """Runs that had not ended when last seen."""
    return _ids(db, source, "status not in ('FINISHED', 'FAILED', 'KILLED') or end_ms is null")


def deleted_run_ids(db: Warehouse, source: str) -> frozenset[str]:
    """Runs that were deleted when last seen, and perhaps are restored now."""
    return _ids(db, source, "lifecycle_stage = 'deleted'")


def _ids(db: Warehouse, source: str, condition: str) -> frozenset[str]:
    rows = db.execute(f"select run_id from raw_runs where source = ? and ({condition})", (source,))
    return frozenset(run_id for (run_id,) in rows)


def _patterns_text(experiment_patterns: Sequence[str]) -> str:
    return json.dumps(sorted(experiment_patterns))
