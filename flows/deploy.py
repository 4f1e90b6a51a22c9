"""Deployments: the weekly flow on its schedule, and a recalibration when a drift opens, served by this process."""

import sys
from pathlib import Path

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron

from flows.context import open_context
from flows.forecast_weekly import forecast_weekly
from flows.recalibrate_on_drift import recalibrate_on_drift
from flows.track_drift import DRIFT_OPENED


def when_a_drift_opens(config_path: str) -> DeploymentEventTrigger:
    """The automation's trigger: one run for each drift that ``track-drift`` found for the first time."""
    return DeploymentEventTrigger(
        name="foretune: recalibrate when a drift opens",
        expect={DRIFT_OPENED},
        match={"prefect.resource.id": "foretune.drift.*"},
        parameters={
            "config_path": config_path,
            "drift_id": {"__prefect_kind": "jinja", "template": "{{ event.payload.drift_id }}"},
        },
    )


def deployments(config_path: Path, cron: str) -> tuple[RunnerDeployment, RunnerDeployment]:
    """The weekly job, ``cron`` in the programme's time zone, and the recalibration that a drift starts."""
    schedule = Cron(cron, timezone=open_context(config_path).programme.time_zone)
    parameters = {"config_path": str(config_path)}
    return (
        RunnerDeployment.from_flow(forecast_weekly, "weekly", schedule=schedule, parameters=parameters),
        RunnerDeployment.from_flow(
            recalibrate_on_drift, "on-drift", parameters=parameters, triggers=[when_a_drift_opens(str(config_path))]
        ),
    )


def serve_weekly(config_path: Path, cron: str) -> None:
    """Serves both until stopped, one run at a time: the recalibration waits for the weekly job to end."""
    serve(*deployments(config_path, cron), limit=1)


if __name__ == "__main__":
    serve_weekly(Path(sys.argv[1]), sys.argv[2])
