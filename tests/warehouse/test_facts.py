import csv
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.dialects.facts import RunFacts
from planner.dialects.interpret import interpret
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawMetric, RawRun
from planner.domain.training_run import Actual, TrainingRun
from planner.sources.reader import open_reader
from planner.warehouse.build import run_checks
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
from planner.warehouse.tables import read

MakeRun = Callable[..., RawRun]
Dump = Callable[[Warehouse], dict[str, list[tuple[Any, ...]]]]
ROOT = Path(__file__).parents[2]
OPTIMIZERS = {"adamw_torch": "adamw"}


def programme(uri: str, **source: Any) -> Programme:
    return Programme.model_validate(
        {"name": "test", "sources": [{"tracking_uri": uri, **source}]}, context={"catalog": load_catalog()}
    )


def ingest(db: Warehouse, uri: str) -> int:
    reader = open_reader(uri)
    land(db, reader.source, reader.read(["*"]))
    return understand(db, load_catalog(), programme(uri))


@pytest.fixture(scope="module")
def understood(cpu_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainingRun]:
    with connect(tmp_path_factory.mktemp("facts") / "warehouse.duckdb") as db:
        assert ingest(db, f"sqlite:///{cpu_runs / 'mlflow.db'}") == 72
        return {run.run_id: run for run in read(db, "training_runs", TrainingRun)}


@pytest.fixture(scope="module")
def truth(cpu_runs: Path) -> list[dict[str, str]]:
    with (cpu_runs / "truth.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_real_run_is_understood_well_enough_to_be_estimated(
    understood: dict[str, TrainingRun], truth: list[dict[str, str]]
) -> None:
    assert set(understood) == {row["run_id"] for row in truth}
    assert Counter(run.problem for run in understood.values()) == {None: 72}
    assert {run.dialect for run in understood.values()} == {"hf_trainer"}


def test_tokens_per_step_of_real_runs_are_recovered_exactly_or_not_claimed(
    understood: dict[str, TrainingRun], truth: list[dict[str, str]]
) -> None:
    num_exact = 0
    for row in truth:
        run = understood[row["run_id"]]
        config = run.config
        assert config.micro_batch_size
        assert config.gradient_accumulation_steps
        if config.seq_len is not None and config.batching in ("packed", "padded"):
            per_step = config.seq_len * config.micro_batch_size * config.gradient_accumulation_steps
            assert per_step == int(row["tokens_per_step"])
            assert run.actual.tokens == per_step * int(row["max_steps"])
            num_exact += 1
    assert num_exact / len(truth) >= 0.95


def test_methods_and_adapters_of_real_runs_are_right_where_they_are_claimed(
    understood: dict[str, TrainingRun], truth: list[dict[str, str]]
) -> None:
    claimed = Counter[str]()
    for row in truth:
        config = understood[row["run_id"]].config
        assert config.method in (row["method"], None)
        claimed["method"] += config.method is not None
        if config.lora is not None and config.lora.rank is not None:
            assert config.lora.rank == int(row["lora_rank"])
            claimed["rank"] += 1
        if config.lora is not None and config.lora.targets is not None:
            assert "+".join(config.lora.targets) == row["lora_targets"]
        if config.method == "lora":
            claimed["trainable_params"] += config.trainable_params == _adapter_params(row)
    assert claimed["method"] >= 68
    assert claimed["rank"] >= 15
    assert claimed["trainable_params"] == 50


def _adapter_params(row: dict[str, str]) -> int:
    """rank x (input + output width), module by module, from the true dimensions."""
    hidden, ffn = int(row["hidden_dim"]), int(row["ffn_dim"])
    key_value = hidden // int(row["num_heads"]) * int(row["num_kv_heads"])
    widths = {"q": 2 * hidden, "k": hidden + key_value, "v": hidden + key_value, "o": 2 * hidden}
    widths |= dict.fromkeys(("gate", "up", "down"), hidden + ffn)
    modules = [target.removesuffix("_proj") for target in row["lora_targets"].split("+")]
    return int(row["num_layers"]) * int(row["lora_rank"]) * sum(widths[module] for module in modules)


def test_what_the_trainer_logged_of_real_runs_is_read(
    understood: dict[str, TrainingRun], truth: list[dict[str, str]]
) -> None:
    for row in truth:
        run = understood[row["run_id"]]
        config, model = run.config, run.config.model
        assert model is not None
        assert config.optimizer == OPTIMIZERS.get(row["optimizer"], row["optimizer"])
        assert config.activation_checkpointing == row["activation_ckpt"]
        assert config.micro_batch_size == int(row["micro_batch"])
        assert config.gradient_accumulation_steps == int(row["grad_accum"])
        assert config.max_steps == run.actual.steps == int(row["max_steps"])
        assert model.name == row["model"]
        for ours in ("num_layers", "hidden_dim", "ffn_dim", "num_heads", "num_kv_heads", "vocab_size"):
            assert getattr(model, ours) == int(row[ours])


def test_real_runs_on_a_cpu_have_times_speed_and_host_memory(understood: dict[str, TrainingRun]) -> None:
    for run in understood.values():
        actual = run.actual
        assert run.config.cluster is not None
        assert (run.config.cluster.accelerator.slug, run.config.cluster.count) == ("cpu-generic", 1)
        assert actual.duration_s is not None
        assert actual.train_s is not None
        assert 0 < actual.train_s < actual.duration_s
        assert actual.tokens
        assert actual.tokens_per_s_per_accelerator == pytest.approx(actual.tokens / actual.train_s)
        assert actual.host_peak_bytes is not None
        assert 5e8 < actual.host_peak_bytes < 5e9


def test_every_field_says_where_it_comes_from(understood: dict[str, TrainingRun]) -> None:
    for run in understood.values():
        for field in Actual.model_fields:
            is_unknown = run.origins[f"actual.{field}"].kind == "unknown"
            assert (getattr(run.actual, field) is None) == is_unknown, field
        for field in ("model", "seq_len", "method", "cluster", "attention", "actual.tokens", "actual.cost_usd"):
            assert run.origins[field].rule
        assert run.origins["seq_len"].kind == "inferred"
        assert run.origins["attention"].kind == "unknown"


def test_ingesting_twice_gives_the_same_warehouse(cpu_runs: Path, db: Warehouse, dump: Dump) -> None:
    uri = f"sqlite:///{cpu_runs / 'mlflow.db'}"
    ingest(db, uri)
    first = dump(db)
    assert ingest(db, uri) == 72
    assert dump(db) == first


INGEST = """
import sys
from pathlib import Path
from planner.catalog.load import load_catalog
from planner.dialects.facts import RunFacts
from planner.dialects.interpret import interpret
from planner.domain.programme import Programme
from planner.sources import sql_reader
from planner.sources.reader import open_reader
from planner.warehouse.connection import connect
from planner.warehouse.facts import understand
from planner.warehouse.ingest_state import set_watermark
from planner.warehouse.landing import land
sql_reader.BATCH_RUNS = 6
with connect(Path(sys.argv[1])) as db:
    reader = open_reader(sys.argv[2])
    print("reading", flush=True)
    landed = land(db, reader.source, reader.read(["*"]))
    set_watermark(db, reader.source, ["*"], landed.newest_end_ms)
    understand(db, load_catalog(), Programme.model_validate({"name": "x", "sources": [{"tracking_uri": sys.argv[2]}]}))
"""


@pytest.mark.slow
def test_an_ingest_killed_at_any_moment_and_started_again_gives_the_same_warehouse(
    cpu_runs: Path, tmp_path: Path, dump: Dump
) -> None:
    uri = f"sqlite:///{cpu_runs / 'mlflow.db'}"
    undisturbed, disturbed = tmp_path / "undisturbed.duckdb", tmp_path / "disturbed.duckdb"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", INGEST, str(undisturbed), uri], cwd=ROOT, check=True)
    whole_s = time.monotonic() - started
    for part in (0.01, 0.05, 0.11, 0.17, 0.26, 0.35, 0.45, 0.58):
        process = subprocess.Popen(
            [sys.executable, "-c", INGEST, str(disturbed), uri], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(part * whole_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with connect(disturbed) as db:
            is_complete = db.execute("select count(*) from raw_runs") == [(72,)]
            loose = db.execute("select count(*) from raw_params anti join raw_runs using (source, run_id)")
            assert loose == [(0,)]
        if is_complete:
            disturbed.unlink()
    subprocess.run([sys.executable, "-c", INGEST, str(disturbed), uri], cwd=ROOT, check=True)
    with connect(undisturbed) as first, connect(disturbed) as second:
        assert dump(first) == dump(second)
        assert len(dump(first)["training_runs"]) == 72


def test_hostile_runs_become_rows_that_say_what_is_unknown(db: Warehouse, make_run: MakeRun) -> None:
    hostile = {
        "per_device_train_batch_size": "'; drop table raw_runs; --",
        "gradient_accumulation_steps": "-3",
        "max_steps": "1e400",
        "hidden_size": "0",
        "num_hidden_layers": "🦙",
        "_name_or_path": "x" * 8000,
        "quantization_config": "{'a': " * 2000,
        "deepspeed": "{" * 5000,
        "optim": "None",
        "planner.run_config": "[1, 2",
        "planner.precision": "{}",
    }
    metrics = (
        RawMetric("train_runtime", None, 5, 1),
        RawMetric("total_flos", -1.0, 5, 1),
        RawMetric("planner.tokens", 1e308, 0, 1),
    )
    runs = [
        make_run(1, params=hostile, metrics=metrics, run_name="🦙" * 400, start_ms=5_000, end_ms=-5_000),
        make_run(2, params={}, metrics=(), system_samples=(), tags={}, run_name="", status="FAILED"),
        make_run(3, status="RUNNING", end_ms=None),
        make_run(4, start_ms=1_780_000_005_000, end_ms=1_780_000_001_000),
        make_run(5, params={"per_device_train_batch_size": "4", "planner.method": "full", "planner.lora_rank": "8"}),
    ]
    land(db, "sqlite:///x.db", [as_batch(runs)])
    assert understand(db, load_catalog(), programme("sqlite:///x.db")) == 5
    found = {run.run_id: run for run in read(db, "training_runs", TrainingRun)}
    assert [found[run.run_id].problem is None for run in runs] == [False] * 5
    first, empty, running, backwards, contradictory = (found[run.run_id] for run in runs)
    assert first.started_at is first.ended_at is None
    assert "drop table" in first.origins["micro_batch_size"].rule or first.origins["micro_batch_size"].kind == "unknown"
    assert (empty.status, empty.name) == ("FAILED", empty.run_id)
    assert running.actual.duration_s is None
    assert "before it starts" in backwards.origins["actual.duration_s"].rule
    assert "method full" in (contradictory.problem or "")


def test_hardware_rules_of_a_source_apply_to_its_runs_alone(db: Warehouse, make_run: MakeRun) -> None:
    for number, source in enumerate(("sqlite:///a.db", "sqlite:///b.db")):
        land(db, source, [as_batch([make_run(number, params={"per_device_train_batch_size": "4"})])])
    rules = [{"experiments": "ch*", "cluster": {"accelerator": "h100-sxm-80gb", "count": 8}}]
    understand(db, load_catalog(), programme("sqlite:///a.db", hardware=rules))
    clusters = {run.source: run.config.cluster for run in read(db, "training_runs", TrainingRun)}
    assert clusters["sqlite:///b.db"] is None
    cluster = clusters["sqlite:///a.db"]
    assert cluster is not None
    assert (cluster.accelerator.slug, cluster.count) == ("h100-sxm-80gb", 8)


def test_only_what_changed_is_interpreted_again(
    db: Warehouse, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def watched(facts: RunFacts, *given: Any) -> TrainingRun:
        seen.append(facts.run_id)
        return interpret(facts, *given)

    monkeypatch.setattr("planner.warehouse.interpreted.interpret", watched)
    runs = [make_run(n) for n in range(3)]
    land(db, "sqlite:///a.db", [as_batch(runs)])
    understand(db, load_catalog(), programme("sqlite:///a.db"))
    understand(db, load_catalog(), programme("sqlite:///a.db"))
    assert seen == [run.run_id for run in runs]
    seen.clear()
    land(db, "sqlite:///a.db", [as_batch([make_run(1, status="FAILED")])])
    understand(db, load_catalog(), programme("sqlite:///a.db"))
    assert seen == [runs[1].run_id]
    seen.clear()
    rules = [{"cluster": {"accelerator": "h100-sxm-80gb"}}]
    understand(db, load_catalog(), programme("sqlite:///a.db", hardware=rules))
    assert len(seen) == 3


def test_a_run_that_is_silent_for_a_day_has_crashed(db: Warehouse, make_run: MakeRun) -> None:
    last = datetime(2026, 6, 1, 12, tzinfo=UTC)
    point = RawMetric("loss", 1.0, 7, int(last.timestamp() * 1000))
    run = make_run(1, status="RUNNING", start_ms=point.timestamp_ms - 3_600_000, end_ms=None, metrics=(point,))
    land(db, "sqlite:///a.db", [as_batch([run])])

    def status_after(hours: float) -> tuple[str, datetime | None]:
        now = last + timedelta(hours=hours)
        understand(db, load_catalog(), programme("sqlite:///a.db"), now=now)
        (found,) = read(db, "training_runs", TrainingRun)
        return found.status, found.ended_at

    assert status_after(23) == ("RUNNING", None)
    assert status_after(25) == ("FAILED", last)
    resumed = run._replace(metrics=(point._replace(timestamp_ms=point.timestamp_ms + 3_600_000),))
    land(db, "sqlite:///a.db", [as_batch([resumed])])
    assert status_after(24.5) == ("RUNNING", None)


def test_many_runs_are_interpreted_in_processes_with_the_same_result(
    db: Warehouse, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, dump: Dump
) -> None:
    monkeypatch.setattr("planner.warehouse.facts.RUNS_PER_PART", 3)
    land(db, "sqlite:///a.db", [as_batch([make_run(n, params={"p": str(n)}) for n in range(20)])])
    understand(db, load_catalog(), programme("sqlite:///a.db"))
    alone = dump(db)
    db.execute("delete from training_runs")
    monkeypatch.setattr("planner.warehouse.facts.PARALLEL_FROM", 10)
    understand(db, load_catalog(), programme("sqlite:///a.db"))
    assert dump(db) == alone


def test_a_run_that_only_holds_others_together_and_processes_of_one_job_are_counted_once(
    db: Warehouse, make_run: MakeRun
) -> None:
    sweep = make_run(1, params={}, metrics=(), system_samples=())
    children = [
        make_run(n, tags={"mlflow.parentRunId": sweep.run_id}, params={"output_dir": "o", "lr": str(n)}) for n in (2, 3)
    ]
    point = RawMetric("grad_norm", 1.0, 1, 1)
    ranks = [
        make_run(n, params={"output_dir": "x"}, metrics=(point, *make_run().metrics) if n == 11 else ())
        for n in range(10, 14)
    ]
    again = make_run(14, params={"output_dir": "x"}, start_ms=1_780_003_610_000)
    parent = make_run(20, start_ms=0)
    child = make_run(21, tags={"mlflow.parentRunId": parent.run_id}, start_ms=5)
    land(db, "sqlite:///a.db", [as_batch([sweep, *children, *ranks, again, parent, child])])
    understand(db, load_catalog(), programme("sqlite:///a.db"))
    counted = {run.run_id for run in read(db, "training_runs", TrainingRun)}
    assert counted == {run.run_id for run in (*children, ranks[1], again, parent, child)}
    assert "check_runs_without_training_run" not in run_checks(db)
