"""Flow: estimate against actual over time, by group; a drift that is new becomes a Prefect event."""

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from prefect import flow
from prefect.events import emit_event

from flows.context import Context, open_context
from flows.io_task import io_task
from flows.log import log
from planner.calibration.backtest import Prediction
from planner.calibration.residuals import Residual
from planner.domain.estimate import Resource
from planner.drift.decision import DriftDecision
from planner.drift.explain import explain
from planner.drift.factors import RunFactors
from planner.drift.report import DriftReport, DriftStatus
from planner.drift.status import Earlier, track
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.inbox import collect_inbox
from planner.warehouse.registry import store_concluded
from planner.warehouse.tables import read

DRIFT_OPENED = "foretune.drift.opened"


@io_task
def land_drift_decisions(db: Warehouse, context: Context) -> None:
    """What ``foretune drift --acknowledge`` and ``--close`` left in the inbox."""
    collect_inbox(db, context.settings.drift_inbox_path, "drift_decisions", DriftDecision, ("decision_id",))


@io_task
def read_residuals(db: Warehouse, as_of: datetime) -> list[Residual]:
    """Residuals of runs that ended before ``as_of``."""
    return read(db, "residuals", Residual, "ended_at < ?", (as_of,))


@io_task
def read_earlier(db: Warehouse, as_of: datetime) -> Earlier:
    """Drifts of earlier reports, decisions about them, and how far calibrated predictions were off."""
    errors: dict[tuple[str, Resource], float] = {
        (one.run_id, one.resource): math.log(one.actual / one.p50)
        for one in read(db, "predictions", Prediction, "ended_at < ? and num_runs_before > 0", (as_of,))
        if one.actual > 0 and one.p50 > 0
    }
    return Earlier(
        statuses=read(db, "drift_statuses", DriftStatus, "as_of < ? and drift_id is not null", (as_of,)),
        decisions=read(db, "drift_decisions", DriftDecision, "decided_at < ?", (as_of,)),
        prediction_errors=errors,
    )


@io_task
def read_factors(db: Warehouse) -> list[RunFactors]:
    """The circumstances of all runs."""
    return read(db, "int_run_factors", RunFactors)


@io_task
def write_report(db: Warehouse, report: DriftReport) -> list[DriftStatus]:
    """One row per group, resource and ``as_of``; the open drifts that no report had before."""
    known = {drift_id for (drift_id,) in db.execute("select distinct drift_id from drift_statuses")}
    opened = [status for status in report.statuses if status.stage == "open" and status.drift_id not in known]
    for status in opened:
        announce(status)
    with db.transaction():
        store_concluded(db, "drift_statuses", report.statuses, report.as_of)
        store_concluded(db, "drift_points", report.points, report.as_of)
    return opened


def announce(status: DriftStatus) -> None:
    """The event of a drift that has just opened; its id is the drift's own, so that a second one is the same one."""
    emit_event(
        DRIFT_OPENED,
        resource={
            "prefect.resource.id": f"foretune.drift.{status.drift_id}",
            "prefect.resource.name": f"{status.resource} | {status.group}",
        },
        payload={
            "drift_id": status.drift_id,
            "resource": status.resource,
            "group": status.group,
            "as_of": status.as_of.isoformat(),
            "since": status.since.isoformat() if status.since else None,
            "factor": status.factor,
            "moved": status.verdict.kind if status.verdict else None,
            "verdict": status.verdict.sentence if status.verdict else None,
        },
        id=uuid5(NAMESPACE_URL, f"foretune.drift.{status.drift_id}"),
    )


def _tell(opened: Sequence[DriftStatus]) -> None:
    for one in opened:
        because = f"; {one.verdict.sentence}" if one.verdict else ""
        log.warning(f"drift {one.drift_id} opened: {one.resource} of {one.group} is x {one.factor:.2f}{because}")


@flow(name="track-drift")
def track_drift(config_path: Path, as_of: datetime) -> int:
    """Number of groups that drift."""
    context = open_context(config_path)
    with connect(context.settings.warehouse_path) as db:
        land_drift_decisions(db, context)
        residuals = read_residuals(db, as_of)
        report = track(residuals, as_of, read_earlier(db, as_of))
        if report.points:
            report = explain(report, residuals, read_factors(db))
        _tell(write_report(db, report))
    drifting = sum(status.state == "drifting" for status in report.statuses)
    log.info(f"drift: {drifting} of {len(report.statuses)} groups")
    return drifting
