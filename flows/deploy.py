"""Schedules: the weekly flow as a deployment served by this process."""

from pathlib import Path

from prefect.schedules import Cron

from flows.context import open_context
from flows.forecast_weekly import forecast_weekly


def serve_weekly(config_path: Path, cron: str) -> None:
    """Serves ``forecast-weekly`` until stopped, one run at a time; ``cron`` is read in the programme's time zone."""
    schedule = Cron(cron, timezone=open_context(config_path).programme.time_zone)
    parameters = {"config_path": str(config_path)}
    forecast_weekly.serve(name="weekly", parameters=parameters, schedule=schedule, limit=1)
