"""Lands the texts that runs left among their artifacts."""

from collections.abc import Iterable

from planner.domain.raw_run import RawArtifact
from planner.warehouse.connection import Warehouse


def land_artifacts(db: Warehouse, source: str, run_id: str, found: Iterable[RawArtifact]) -> None:
    """Makes these the files of the run, in one transaction."""
    with db.transaction():
        db.execute("delete from raw_artifacts where source = ? and run_id = ?", (source, run_id))
        for one in found:
            db.execute("insert into raw_artifacts values (?, ?, ?, ?, ?, ?)", (source, *one))


def runs_without_artifacts(db: Warehouse, source: str) -> list[str]:
    """Ended runs whose artifacts were never asked for."""
    rows = db.execute(
        "select run_id from raw_runs anti join raw_artifacts using (source, run_id) "
        "where source = ? and lifecycle_stage = 'active' and end_ms is not null order by end_ms desc",
        (source,),
    )
    return [run_id for (run_id,) in rows]
