import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import cli


@pytest.fixture(autouse=True)
def environment_kept() -> Iterator[None]:
    """Commands set defaults for Prefect in the environment."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def test_ingest_weekly_and_the_commands_that_read_what_they_publish(programme: Path) -> None:
    config = ("--config", str(programme))
    ingested = run("ingest", *config)
    assert ingested.exit_code == 0, ingested.output
    assert "runs in the warehouse" in ingested.output

    weekly = run("weekly", "--as-of", "2026-11-23", *config)
    assert weekly.exit_code == 0, weekly.output
    for text in ("23 Nov", "report.html", "calibration", "drift:"):
        assert text in weekly.output

    assert "cost" in run("forecast", *config).output
    rows = json.loads(run("forecast", "--json", *config).output)
    assert {row["programme"] for row in rows} >= {"all", "support-assistant"}
    assert "experiment=" in run("drift", *config).output
    stages = {row["stage"] for row in json.loads(run("drift", "--json", *config).output)}
    assert run("drift", "--fail-on", "open", *config).exit_code == (3 if "open" in stages else 0)
    assert "support-assistant" in run("history", *config).output
    assert run("history", "--unread", *config).exit_code == 0


def test_the_gate_uses_what_was_learnt_and_its_decision_reaches_the_report(programme: Path) -> None:
    config = ("--config", str(programme))
    assert run("weekly", "--as-of", "2026-11-23", *config).exit_code == 0
    run_path = programme.parent / "run.yaml"
    run_path.write_text(
        "{model: mistral-7b, method: lora, lora: {rank: 16, targets: attn_all}, precision: bf16, seq_len: 4096, "
        "batching: packed, micro_batch_size: 8, train_tokens: 10_000_000, activation_checkpointing: full, "
        "attention: flash, loss: fused_ce, framework: fms-hf-tuning, cluster: {accelerator: a100-80gb, count: 1}}"
    )
    decision = json.loads(run("gate", str(run_path), "--json", *config).output)
    provenance = decision["estimate"]["provenance"]
    assert provenance["calibration_id"]
    assert any(c["group"].startswith("accelerator=a100-80gb, method=lora") for c in provenance["corrections"])
    inbox = programme.parent / ".foretune" / "inbox"
    assert len(list(inbox.glob("*.json"))) == 1

    assert run("weekly", "--as-of", "2026-11-23", *config).exit_code == 0
    assert not list(inbox.glob("*.json"))
    page = (programme.parent / ".foretune" / "report.html").read_text()
    assert decision["name"] in page


def test_the_demo_runs_to_a_report_with_one_run_passed_and_one_blocked(tmp_path: Path) -> None:
    done = run("demo", "--folder", str(tmp_path / "demo"))
    assert done.exit_code == 0, done.output
    for text in ("ALLOW run-passes", "BLOCK run-blocked", "forecast of each week", "report.html"):
        assert text in done.output
    report = tmp_path / "demo" / ".foretune" / "report.html"
    assert "run-blocked" in report.read_text()


def test_the_deployment_file_names_flows_that_exist() -> None:
    import yaml
    from prefect import Flow
    from prefect.flows import load_flow_from_entrypoint

    root = Path(__file__).parents[2]
    weekly, on_drift = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    for deployment, name in ((weekly, "forecast-weekly"), (on_drift, "recalibrate-on-drift")):
        flow: Flow[..., object] = load_flow_from_entrypoint(deployment["entrypoint"])
        assert flow.name == name
        assert set(deployment["parameters"]) <= set(flow.parameters.properties)
    assert weekly["schedules"][0]["cron"] == "0 6 * * MON"
