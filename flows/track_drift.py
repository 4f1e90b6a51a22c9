"""Flow: estimate against actual over time, by group."""

from datetime import datetime
from pathlib import Path

from prefect import flow

from flows.context import open_context
from flows.io_task import io_task
from flows.log import log
from planner.calibration.residuals import Residual
from planner.drift.status import DriftReport, track
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.registry import store_concluded
from planner.warehouse.tables import read


@io_task
def read_residuals(db: Warehouse, as_of: datetime) -> list[Residual]:
    """Residuals of runs that ended before ``as_of``."""
    return read(db, "residuals", Residual, "ended_at < ?", (as_of,))


@io_task
def write_statuses(db: Warehouse, report: DriftReport) -> None:
    """One row per group, resource and ``as_of``."""
    store_concluded(db, "drift_statuses", report.statuses, report.as_of)


@flow(name="track-drift")
def track_drift(config_path: Path, as_of: datetime) -> int:
    """Number of groups that drift."""
    context = open_context(config_path)
    with connect(context.settings.warehouse_path) as db:
        report = track(read_residuals(db, as_of), as_of)
        write_statuses(db, report)
    drifting = sum(status.state == "drifting" for status in report.statuses)
    log.info(f"drift: {drifting} of {len(report.statuses)} groups")
    return drifting
