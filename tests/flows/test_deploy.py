"""The automation that recalibrates when a drift opens: declared with Prefect's classes, then on a real server."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import EventTrigger

from flows.deploy import deployments, when_a_drift_opens
from flows.local_server import local_server
from flows.track_drift import DRIFT_OPENED

ROOT = Path(__file__).parents[2]

CHAIN = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from prefect.client.orchestration import get_client
from flows.deploy import deployments
from flows.track_drift import announce
from planner.drift.report import DriftStatus

_, on_drift = deployments(Path(sys.argv[1]), "0 6 * * MON")
deployment_id = on_drift.apply()
status = DriftStatus(
    as_of=datetime.now(UTC), resource="duration_s", group="experiment=faq-bot", num_runs=40, baseline_log_bias=0.0,
    recent_log_bias=0.3, statistic=9.0, limit=6.0, state="drifting", stage="open", drift_id="3f2a91c0", factor=1.3,
)
time.sleep(5)
announce(status)
with get_client(sync_client=True) as client:
    for _ in range(60):
        runs = client.read_flow_runs()
        if runs:
            break
        time.sleep(1)
    time.sleep(3)
    for run in client.read_flow_runs():
        print("started", run.deployment_id == deployment_id, run.parameters["drift_id"], flush=True)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "foretune.yaml"
    path.write_text("name: team\ntime_zone: Europe/Berlin\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    return path


def test_the_weekly_job_has_a_schedule_and_the_recalibration_a_trigger(config: Path) -> None:
    weekly, on_drift = deployments(config, "0 6 * * MON")
    assert weekly.flow_name == "forecast-weekly"
    assert [getattr(one.schedule, "timezone", None) for one in weekly.schedules or []] == ["Europe/Berlin"]
    assert on_drift.flow_name == "recalibrate-on-drift"
    (trigger,) = on_drift.triggers
    assert isinstance(trigger, type(when_a_drift_opens("x")))


def test_the_trigger_becomes_an_automation_that_runs_the_deployment_on_the_event_of_a_drift() -> None:
    trigger = when_a_drift_opens("foretune.yaml")
    deployment_id = uuid4()
    trigger.set_deployment_id(deployment_id)
    automation = trigger.as_automation()
    assert isinstance(automation.trigger, EventTrigger)
    assert automation.trigger.expect == {DRIFT_OPENED}
    assert automation.trigger.threshold == 1
    (action,) = automation.actions
    assert isinstance(action, RunDeployment)
    assert action.deployment_id == deployment_id
    assert action.parameters is not None
    assert action.parameters["config_path"] == "foretune.yaml"


def test_the_deployment_file_declares_the_same_trigger() -> None:
    given = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    (declared,) = next(one for one in given if one["name"] == "on-drift")["triggers"]
    coded = when_a_drift_opens("foretune.yaml")
    assert type(coded).model_validate(declared) == coded


@pytest.mark.slow
def test_on_a_real_server_the_event_of_a_drift_starts_the_recalibration_once(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    with local_server() as address:
        monkeypatch.setenv("PREFECT_API_URL", address)
        words = [sys.executable, "-c", CHAIN, str(config)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout.splitlines() == ["started True 3f2a91c0"], done.stderr[-3000:]
