"""Flow: marts, checks, snapshot and report."""

from datetime import datetime
from pathlib import Path

from prefect import flow

from flows.context import Context, open_context
from flows.io_task import io_task
from flows.log import log
from planner.domain.calibration import Calibration
from planner.report.assemble import MARTS, assemble
from planner.report.render import render_weekly
from planner.warehouse.build import broken_rules, build
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.snapshot import publish
from planner.warehouse.tables import read, read_table


@io_task
def build_marts(db: Warehouse, context: Context, as_of: datetime) -> None:
    """All marts as of a moment; rows that break a rule of sql/checks are reported."""
    build(db, time_zone=context.programme.time_zone, as_of=as_of)
    for told in broken_rules(db):
        log.warning(told)


@io_task
def write_report(db: Warehouse, context: Context, as_of: datetime, calibration_id: str, notes: tuple[str, ...]) -> Path:
    """The HTML page, also kept under its date; an older day than the newest leaves report and snapshot alone."""
    calibration = read(db, "calibrations", Calibration, "calibration_id = ?", (calibration_id,))[0]
    marts = {name: read_table(db, name) for name in MARTS}
    page = render_weekly(assemble(context.programme, as_of, calibration, marts, notes))
    return context.settings.write_report(page, as_of.astimezone(context.programme.zone).date())


@io_task
def publish_snapshot(db: Warehouse, context: Context) -> None:
    """The copy of the marts that gate and dashboard read."""
    publish(db, context.settings.snapshot_path)


@flow(name="publish-report")
def publish_report(config_path: Path, as_of: datetime, calibration_id: str, notes: tuple[str, ...] = ()) -> Path:
    """Path of the report."""
    context = open_context(config_path)
    with connect(context.settings.warehouse_path) as db:
        build_marts(db, context, as_of)
        report = write_report(db, context, as_of, calibration_id, notes)
        newest = db.execute("select max(as_of) from forecast_weeks")[0][0]
        if newest is None or as_of >= newest:
            publish_snapshot(db, context)
            report = context.settings.make_newest(report)
    return report
