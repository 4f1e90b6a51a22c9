import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.config_files import validate
from planner.domain.run_config import RunConfig
from planner.errors import InputError, StoreError
from planner.sources.demo_calendar import demo_runs
from planner.sources.demo_experiments import DEMO_EXPERIMENTS
from planner.sources.demo_log import total_flos
from planner.sources.published_runs import PublishedRun, read_published_runs
from planner.sources.replay import replay
from planner.units import GIB, HOUR_S, MEGA

TABLE = Path(__file__).parents[2] / "examples" / "published_runs.csv"
UNTIL = datetime(2026, 11, 23, tzinfo=UTC)
Store = tuple[str, int, list[tuple[int, int]]]
"""Tracking URI, number of runs, calls of progress."""

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own use of SQLAlchemy


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    steps: list[tuple[int, int]] = []
    count = replay(TABLE, uri, until=UNTIL, progress=lambda done, total: steps.append((done, total)))
    return uri, count, steps


@pytest.fixture(scope="module")
def runs(store: Store) -> list[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(store[0])
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(ids, max_results=1000))


@pytest.fixture(scope="module")
def published() -> dict[str, PublishedRun]:
    return {row.run: row for row in read_published_runs(TABLE, load_catalog())}


def of_experiment(store: Store, runs: list[Any], name: str) -> list[Any]:
    from mlflow.tracking import MlflowClient

    experiment = MlflowClient(store[0]).get_experiment_by_name(name)
    assert experiment is not None
    return [run for run in runs if run.info.experiment_id == experiment.experiment_id]


def test_every_run_is_in_the_store_and_progress_counts_them(store: Store, runs: list[Any]) -> None:
    _, count, steps = store
    assert 150 <= count <= 200
    assert len(runs) == count
    assert steps == [(done, count) for done in range(1, count + 1)]


def test_every_experiment_has_runs(store: Store, runs: list[Any]) -> None:
    for experiment in DEMO_EXPERIMENTS:
        assert len(of_experiment(store, runs, experiment.name)) >= 4, experiment.name


def test_runs_out_of_memory_failed_and_all_others_finished(runs: list[Any], published: dict[str, PublishedRun]) -> None:
    for run in runs:
        outcome = published[run.data.tags["demo.published_run"]].outcome
        assert run.info.status == {"ok": "FINISHED", "oom": "FAILED"}[outcome]
    assert Counter(run.info.status for run in runs)["FAILED"] >= 8


def test_a_failed_attempt_is_followed_by_one_that_finished(runs: list[Any]) -> None:
    by_name = {run.info.run_name: run for run in runs}
    failed = [run for run in runs if run.info.status == "FAILED"]
    for run in failed:
        second = by_name[run.info.run_name.removesuffix("-a") + "-b"]
        assert second.info.status == "FINISHED"
        assert second.info.start_time > run.info.end_time


def test_all_runs_lie_in_the_window_and_last_as_long_as_real_ones(runs: list[Any]) -> None:
    first_ms, last_ms = ((UNTIL - timedelta(weeks=26)).timestamp() * 1000, UNTIL.timestamp() * 1000)
    for run in runs:
        assert first_ms <= run.info.start_time < run.info.end_time <= last_ms
        if run.info.status == "FINISHED":
            assert 0.5 * HOUR_S <= (run.info.end_time - run.info.start_time) / 1000 <= 12 * HOUR_S


def test_no_row_is_used_twice(runs: list[Any]) -> None:
    counts = Counter(run.data.tags["demo.published_run"] for run in runs)
    assert set(counts.values()) == {1}


def test_a_published_figure_arrives_unchanged(runs: list[Any]) -> None:
    run = next(r for r in runs if r.data.tags["demo.published_run"] == "peft-llama-3.2-3b-lora-1x-l40s-48gb-08")
    metrics = run.data.metrics
    assert metrics["planner.tokens_per_s_per_accelerator"] == 7173.82
    assert metrics["planner.peak_reserved_bytes"] == 20.7617 * GIB
    assert metrics["planner.checkpoint_bytes"] == 36_715_216
    assert "planner.peak_allocated_bytes" not in metrics
    assert metrics["train_runtime"] == pytest.approx(int(run.data.params["max_steps"]) * 0.117038)
    assert "huggingface/peft@" in run.data.tags["demo.source"]


def test_the_logged_configuration_is_the_row_with_its_steps(
    runs: list[Any], published: dict[str, PublishedRun]
) -> None:
    catalog = load_catalog()
    for run in runs:
        text = run.data.params.get("planner.run_config")
        if text is None:
            continue
        assert len(text) < 6000
        config = validate(RunConfig, json.loads(text), catalog, run.info.run_name)
        row = published[run.data.tags["demo.published_run"]]
        assert config.max_steps is not None
        expected = row.config.model_copy(update={"max_steps": config.max_steps, "name": run.info.run_name})
        assert config == expected


def test_the_duration_is_start_up_plus_steps_times_the_published_step_time(
    runs: list[Any], published: dict[str, PublishedRun]
) -> None:
    for run in runs:
        if run.info.status != "FINISHED" or "max_steps" not in run.data.params:
            continue
        step_time_s = published[run.data.tags["demo.published_run"]].figures.step_time_s
        assert step_time_s is not None
        duration_s = (run.info.end_time - run.info.start_time) / 1000
        start_up_s = duration_s - int(run.data.params["max_steps"]) * step_time_s
        assert 60 < start_up_s < 1800


def test_one_experiment_logs_only_what_its_trainer_and_mlflow_log(
    store: Store, runs: list[Any], published: dict[str, PublishedRun]
) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(store[0])
    for run in of_experiment(store, runs, "code-completion"):
        assert not [key for key in (*run.data.params, *run.data.metrics) if key.startswith("planner.")]
        used = client.get_metric_history(run.info.run_id, "system/gpu_0_memory_usage_megabytes")
        share = client.get_metric_history(run.info.run_id, "system/gpu_0_memory_usage_percentage")
        row = published[run.data.tags["demo.published_run"]]
        assert max(m.value for m in used) * MEGA == pytest.approx(row.figures.peak_device_bytes, abs=0.05 * MEGA)
        assert used[-1].value * MEGA / (share[-1].value / 100) == pytest.approx(80 * GIB, rel=0.01)
        assert run.info.start_time <= used[0].timestamp < used[-1].timestamp <= run.info.end_time
        watts = run.data.metrics["system/gpu_0_power_usage_watts"]
        percentage = run.data.metrics["system/gpu_0_power_usage_percentage"]
        assert watts / (percentage / 100) == pytest.approx(400, rel=0.01)


def test_trainer_names_carry_the_configuration(store: Store, runs: list[Any]) -> None:
    run = next(r for r in of_experiment(store, runs, "support-assistant") if r.info.status == "FINISHED")
    params = run.data.params
    assert params["_name_or_path"].lower() == "mistralai/mistral-7b-v0.1"
    assert params["optim"] == "adamw_torch"
    assert params["gradient_checkpointing"] == "True"
    assert (params["num_hidden_layers"], params["hidden_size"], params["max_length"]) == ("32", "4096", "4096")
    tokens_per_step = int(params["per_device_train_batch_size"]) * 4096
    assert run.data.metrics["num_input_tokens_seen"] == pytest.approx(
        int(params["max_steps"]) * tokens_per_step, rel=1e-4
    )


def test_datasets_are_logged_as_inputs(store: Store, runs: list[Any]) -> None:
    finished = [r for r in of_experiment(store, runs, "code-review") if r.info.status == "FINISHED"]
    for run in finished:
        (dataset,) = [entry.dataset for entry in run.inputs.dataset_inputs]
        assert dataset.name == "reviewed-changes"
        assert json.loads(dataset.profile)["num_rows"] > 1000


def test_total_flos_of_llama_3_8b_with_an_adapter_agrees_with_a_count_by_hand() -> None:
    config = validate(
        RunConfig,
        {"model": "llama-3-8b", "method": "lora", "lora": {"rank": 8, "targets": "attn_qv"}},
        load_catalog(),
        "here",
    )
    layer = 4096 * (4096 + 1024 + 1024 + 4096) + 3 * 4096 * 14_336 + 2 * 4096
    adapter = 32 * 8 * ((4096 + 4096) + (4096 + 1024))
    params = 32 * layer + 4096 + 128_256 * 4096 + adapter
    assert total_flos(config, 1000.0) == pytest.approx(6 * 1000 * params)


def test_the_last_runs_of_intent_router_are_the_slower_batch_its_source_published(
    store: Store, runs: list[Any]
) -> None:
    ordered = sorted(of_experiment(store, runs, "intent-router"), key=lambda run: run.info.start_time)
    speeds = [run.data.metrics["planner.tokens_per_s_per_accelerator"] for run in ordered]
    assert max(speeds[-2:]) < 0.9 * min(speeds[:-2])


def test_a_store_that_holds_the_demo_already_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="already holds the experiment"):
        replay(TABLE, store[0], until=UNTIL, weeks=4)


def test_a_time_without_a_zone_and_a_window_without_weeks_are_refused(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with pytest.raises(InputError, match="no time zone"):
        replay(TABLE, uri, until=UNTIL.replace(tzinfo=None))
    with pytest.raises(InputError, match="at least 1"):
        replay(TABLE, uri, until=UNTIL, weeks=0)
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("weeks", [1, 4, 52])
def test_any_window_gives_runs_inside_it(weeks: int, published: dict[str, PublishedRun]) -> None:
    planned = demo_runs(DEMO_EXPERIMENTS, tuple(published.values()), until=UNTIL, weeks=weeks)
    assert planned
    assert all(UNTIL - timedelta(weeks=weeks) <= run.started_at < run.ended_at <= UNTIL for run in planned)


def test_the_calendar_is_the_same_every_time(published: dict[str, PublishedRun]) -> None:
    rows = tuple(published.values())
    assert demo_runs(DEMO_EXPERIMENTS, rows, until=UNTIL, weeks=26) == demo_runs(
        DEMO_EXPERIMENTS, rows, until=UNTIL, weeks=26
    )


def test_a_run_without_trainer_names_says_all_under_foretunes_names(store: Store, runs: list[Any]) -> None:
    for run in of_experiment(store, runs, "risk-notes"):
        assert set(run.data.params) == {"planner.run_config"}
        metrics = run.data.metrics
        assert metrics["planner.train_s"] == pytest.approx(metrics["planner.steps"] * metrics["planner.step_time_s"])
        speed = metrics["planner.tokens"] / metrics["planner.train_s"] / 8
        assert metrics["planner.tokens_per_s_per_accelerator"] == pytest.approx(speed, rel=1e-3)
        duration_s = (run.info.end_time - run.info.start_time) / 1000
        assert duration_s == pytest.approx(metrics["planner.train_s"] + metrics["planner.start_up_s"], abs=0.01)
