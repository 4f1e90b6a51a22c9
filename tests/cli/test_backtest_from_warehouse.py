"""`foretune backtest --from-warehouse` on a snapshot of runs of known make."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from planner.catalog.load import load_catalog
from planner.cli import cli
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, TrainingRun
from planner.errors import ConfigError, WarehouseError
from planner.estimator.estimate_run import estimate_run
from planner.settings import read_settings
from planner.warehouse.connection import connect
from planner.warehouse.registry import ensure_tables, store
from planner.warehouse.snapshot import publish

CATALOG = load_catalog()
START = datetime(2026, 1, 5, tzinfo=UTC)
CONFIG = RunConfig.model_validate(
    {
        "model": CATALOG.models["llama-3.2-1b"],
        "method": "lora",
        "lora": {"rank": 8, "targets": ["q_proj"]},
        "precision": "bf16",
        "seq_len": 1024,
        "micro_batch_size": 2,
        "max_steps": 200,
        "batching": "packed",
        "activation_checkpointing": "full",
        "attention": "flash",
        "loss": "full_logits",
        "cluster": {"accelerator": CATALOG.accelerators["a100-80gb"], "count": 1},
    }
)
SPEED = estimate_run(CONFIG, CATALOG.prices, START.date()).tokens_per_s_per_accelerator.p50


def run_on(day: int, rng: np.random.Generator) -> TrainingRun:
    started = START + timedelta(days=day)
    return TrainingRun(
        run_id=f"r{day:03d}",
        source="s",
        experiment="[red]bot",
        name="r",
        status="FINISHED",
        started_at=started,
        ended_at=started + timedelta(hours=2),
        dialect="unknown",
        config=CONFIG,
        actual=Actual(tokens_per_s_per_accelerator=SPEED * math.exp(-0.3 + float(rng.normal(0, 0.02)))),
        origins={},
    )


def published(folder: Path, num_runs: int) -> Path:
    path = folder / "foretune.yaml"
    path.write_text("name: team <b>\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    settings = read_settings({}, path)
    rng = np.random.default_rng(0)
    with connect(settings.warehouse_path) as db:
        ensure_tables(db)
        store(db, "training_runs", [run_on(day, rng) for day in range(num_runs)])
        publish(db, settings.snapshot_path)
    return path


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORETUNE_HOME", raising=False)


def backtest(config: Path, *words: object) -> Result:
    arguments = ["backtest", "--from-warehouse", "--config", str(config), *map(str, words)]
    result = CliRunner().invoke(cli, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_errors_before_and_after_are_printed_and_the_page_holds_the_pictures(tmp_path: Path) -> None:
    out = tmp_path / "backtest.html"
    result = backtest(published(tmp_path, 30), "--out", out)
    assert result.exit_code == 0
    assert "30 runs, each predicted from those that had ended before it started" in result.stdout
    assert "[red]bot" in result.stdout
    page = out.read_text(encoding="utf-8")
    for text in ("learning curve", "coverage over time", "Throughput", "team &lt;b&gt;"):
        assert text in page


def test_a_page_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--out .*cannot be written"):
        backtest(published(tmp_path, 5), "--out", tmp_path / "nowhere" / "backtest.html")


def test_json_holds_every_score_and_what_was_learnt_shows(tmp_path: Path) -> None:
    found = json.loads(backtest(published(tmp_path, 30), "--json").stdout)
    assert (found["num_runs"], found["num_refused"]) == (30, 0)
    (whole,) = [one for one in found["scores"] if one["by"] == "all"]
    assert whole["median_ape"] < 0.1 < whole["prior_median_ape"]


def test_a_past_day_sees_only_what_had_ended(tmp_path: Path) -> None:
    config = published(tmp_path, 30)
    found = json.loads(backtest(config, "--json", "--as-of", "2026-01-15").stdout)
    assert found["num_runs"] == 10


def test_an_empty_warehouse_and_a_missing_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `foretune weekly`"):
        backtest(published(tmp_path, 0))
    other = tmp_path / "other"
    other.mkdir()
    (other / "foretune.yaml").write_text("name: t\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    with pytest.raises(WarehouseError, match="run `foretune weekly`"):
        backtest(other / "foretune.yaml")


def test_tables_and_the_warehouse_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave --runs and --history out"):
        backtest(published(tmp_path, 0), "--runs", tmp_path / "runs.csv")
