"""Flow: the whole weekly job."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.context import open_context
from flows.forecast_demand import forecast_demand
from flows.ingest_runs import ingest_runs
from flows.one_at_a_time import one_at_a_time
from flows.publish_report import publish_report
from flows.recalibrate import recalibrate
from flows.track_drift import track_drift


@flow(name="forecast-weekly")
def forecast_weekly(config_path: Path = Path("foretune.yaml"), as_of: datetime | None = None) -> Path:
    """Ingest, recalibrate, track drift, forecast, publish; the path of the report. ``as_of`` None means now."""
    moment = as_of or datetime.now(UTC).replace(microsecond=0)
    with one_at_a_time(open_context(config_path).settings.home):
        num_runs = ingest_runs(config_path)
        calibration_id = recalibrate(config_path, moment)
        drifting = track_drift(config_path, moment)
        notes = forecast_demand(config_path, moment, calibration_id)
        report = publish_report(config_path, moment, calibration_id, notes)
    create_markdown_artifact(
        key="foretune-weekly",
        description="What the weekly run found",
        markdown=f"as of {moment:%Y-%m-%d %H:%M} UTC: {num_runs} runs, calibration {calibration_id}, "
        f"{drifting} groups drifting\n\nreport: {report}",
    )
    return report
