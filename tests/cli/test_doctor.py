import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mlflow.tracking import MlflowClient

from planner.catalog.load import load_catalog
from planner.cli import cli
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, TrainingRun
from planner.settings import read_settings
from planner.warehouse.build import build
from planner.warehouse.connection import connect
from planner.warehouse.registry import ensure_tables, store
from planner.warehouse.snapshot import publish

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KNOWN: dict[str, Any] = {
    "model": "llama-3.1-8b", "method": "lora", "base_quantization": "none", "lora": {"rank": 16, "targets": "attn_qv"},
    "precision": "bf16", "seq_len": 2048, "batching": "packed", "micro_batch_size": 2, "max_steps": 100,
    "attention": "sdpa", "loss": "full_logits", "framework": "trl", "cluster": {"accelerator": "a100-sxm-80gb"},
}  # fmt: skip


def run(name: str, experiment: str, config: dict[str, Any], problem: str | None = None) -> TrainingRun:
    return TrainingRun(
        run_id=name, source="s", experiment=experiment, name=name, status="FINISHED", started_at=NOW, ended_at=NOW,
        dialect="trl", config=RunConfig.model_validate(config, context={"catalog": load_catalog()}),
        actual=Actual(duration_s=100.0), origins={}, problem=problem,
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A programme whose store is not there."""
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    path = tmp_path / "foretune.yaml"
    path.write_text("name: team\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    return path


@pytest.fixture
def filled(config: Path) -> Path:
    without_length = {name: value for name, value in KNOWN.items() if name != "seq_len"}
    settings = read_settings({}, config)
    with connect(settings.warehouse_path) as db:
        ensure_tables(db)
        runs = [run("a", "chat[red]", KNOWN), run("b", "faq", without_length, "the sequence length is not known")]
        store(db, "training_runs", runs)
        build(db, time_zone="UTC", as_of=NOW)
        publish(db, settings.snapshot_path)
    return config


def doctor(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", "--config", str(config), *words])


def test_each_experiment_has_its_costs_and_the_lines_to_add(filled: Path) -> None:
    MlflowClient(f"sqlite:///{filled.parent / 'mlflow.db'}").search_experiments()
    printed = doctor(filled)
    assert printed.exit_code == 0, printed.output
    assert "chat[red]" in printed.output
    assert "activation_checkpointing" in printed.output
    assert 'mlflow.log_param("planner.seq_len", max_length)' in printed.output
    assert "no estimate of these runs" in printed.output
    assert "trainer.add_callback(PlannerCallback())" in printed.output
    assert "from planner.mlflow_callback import PlannerCallback" in printed.output


def test_programs_get_json_of_one_experiment(filled: Path) -> None:
    printed = doctor(filled, "--json", "--experiment", "faq")
    assert printed.exit_code == 3
    found = json.loads(printed.output)
    assert found["experiments"] == ["faq"]
    assert found["num_runs"] == 1
    assert (found["missing"][0]["field"], found["missing"][0]["consequence"]) == ("seq_len", "no estimate")
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert states["programme"] == "ok"
    assert states["runs"] == "warn"
    assert next(state for name, state in states.items() if name.startswith("source")) == "fail"


def test_an_empty_warehouse_says_what_to_do(config: Path) -> None:
    MlflowClient(f"sqlite:///{config.parent / 'mlflow.db'}").search_experiments()
    printed = doctor(config)
    assert printed.exit_code == 0
    assert "run `foretune ingest`" in printed.output
    assert "PlannerCallback" in printed.output


def test_an_unknown_experiment_and_a_broken_programme_are_named(filled: Path) -> None:
    assert "no runs of experiment 'nope'" in doctor(filled, "--experiment", "nope").output
    filled.write_text("name: [")
    printed = doctor(filled)
    assert printed.exit_code == 3
    assert "not valid YAML" in printed.output


def test_a_store_that_is_there_is_asked_for_its_experiments(config: Path) -> None:
    file = config.parent / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").create_experiment("chat")
    printed = doctor(config)
    assert "2 experiments match" in printed.output
    assert printed.exit_code == 0
    with sqlite3.connect(file) as db:
        db.execute("drop table runs")
    printed = doctor(config)
    assert "fail" in printed.output
    assert printed.exit_code == 3


def test_a_server_that_does_not_answer_is_named_without_its_password(config: Path) -> None:
    config.write_text("name: team\nsources: [{tracking_uri: 'http://ann:s3cret@127.0.0.1:9'}]\n")
    printed = doctor(config).output
    assert "does not answer" in printed
    assert "s3cret" not in printed
