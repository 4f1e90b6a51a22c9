import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.dialects.facts import MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.dialects.run_table import read_row
from planner.domain.raw_run import RawRun
from planner.domain.training_run import TrainingRun
from planner.sources.run_table_runs import raw_runs
from planner.units import GIB

SHARED = Path(__file__).parents[2] / ".." / "shared" / "measured_runs" / "runs.csv"
ENDED = datetime(2026, 10, 1, tzinfo=UTC)
ROW = {
    "id": "a", "method": "lora", "lora_rank": "16", "lora_targets": "attn_all", "model": "mistral-7b",
    "accelerator": "a100-80gb", "n_accel": "1", "param_dtype": "bf16", "compute_dtype": "bf16", "seq_len": "4096",
    "batching": "packed", "micro_batch": "4", "grad_accum": "2", "total_time_s": "7200", "step_time_s": "4",
    "tokens_per_s_per_accel": "3000", "peak_allocated_gib": "30", "checkpoint_bytes": "5000000",
}  # fmt: skip


def landed(*rows: Mapping[str, str]) -> list[RawRun]:
    return [run for batch in raw_runs(rows, load_catalog(), experiment="runs", ended_at=ENDED) for run in batch]


def understood(raw: RawRun) -> TrainingRun:
    """The run as the warehouse's staging hands it to the dialects."""
    facts = RunFacts(
        source="csv:runs.csv",
        run_id=raw.run_id,
        experiment=raw.experiment_name,
        name=raw.run_name,
        status=raw.status,
        started_at=None if raw.start_ms is None else datetime.fromtimestamp(raw.start_ms / 1000, UTC),
        ended_at=None if raw.end_ms is None else datetime.fromtimestamp(raw.end_ms / 1000, UTC),
        params=raw.params,
        tags=raw.tags,
        metrics={metric.key: MetricPoint(metric.value, metric.step) for metric in raw.metrics},
    )
    return interpret(facts, load_catalog())


def test_a_row_comes_back_as_the_run_that_it_describes() -> None:
    (raw,) = landed(ROW)
    run = understood(raw)
    described = read_row(ROW, load_catalog()).config
    assert run.problem is None
    assert described is not None
    assert run.config == described.model_copy(update={"max_steps": 1800})
    assert run.config.optimizer is None
    assert run.config.parallelism.zero_stage == 0
    assert run.actual.tokens_per_s_per_accelerator == 3000
    assert run.actual.peak_allocated_bytes == 30 * GIB
    assert run.actual.duration_s == 7200
    assert run.status == "FINISHED"


def test_unknown_fields_stay_unknown_on_the_way_through_the_warehouse() -> None:
    (raw,) = landed({**ROW, "n_accel": "2", "grad_accum": "", "sharding": ""})
    run = understood(raw).config
    assert (run.optimizer, run.gradient_accumulation_steps, run.parallelism.zero_stage) == (None, None, None)


def test_every_usable_row_of_a_published_table_comes_back_as_it_was_read() -> None:
    if not SHARED.exists():
        pytest.skip(f"no table of measured runs at {SHARED}")
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::25]
    for row, raw in zip(rows, landed(*rows), strict=True):
        run, described = understood(raw), read_row(row, load_catalog()).config
        if run.problem is None:
            assert described is not None
            assert run.config == described.model_copy(update={"max_steps": run.config.max_steps}), row["id"]


def test_dates_and_experiment_of_the_row_go_before_those_of_the_file() -> None:
    own = {**ROW, "experiment": "bot", "started_at": "2026-09-01T10:00", "ended_at": "2026-09-01T12:00:00+02:00"}
    (given,) = landed({**own, "ended_at": "2026-09-01T14:00:00+02:00"})
    assert given.experiment_name == "bot"
    assert given.start_ms == datetime(2026, 9, 1, 10, tzinfo=UTC).timestamp() * 1000
    assert given.end_ms == datetime(2026, 9, 1, 12, tzinfo=UTC).timestamp() * 1000
    (usual,) = landed(ROW)
    assert (usual.experiment_name, usual.end_ms) == ("runs", ENDED.timestamp() * 1000)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"seq_len": "=1+1"}, "seq_len '=1+1'"),
        ({"model": "secret-7b"}, "'secret-7b' is not in the catalog"),
        ({"accelerator": ""}, "the accelerator is not stated"),
        ({"evidence": "claimed"}, "evidence is claimed"),
        ({"ended_at": "yesterday"}, "ended_at 'yesterday' is no date"),
        ({"micro_batch": ""}, "the micro batch size is not known"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_aside_with_the_reason(cells: dict[str, str], said: str) -> None:
    (raw,) = landed({**ROW, **cells})
    problem = understood(raw).problem
    assert problem is not None
    assert said in problem


def test_a_run_that_failed_is_no_finished_run() -> None:
    (raw,) = landed({**ROW, "outcome": "oom"})
    assert understood(raw).status == "FAILED"
    assert not [m for m in raw.metrics if m.key in ("planner.peak_allocated_bytes", "planner.duration_s")]


def test_an_id_lands_once() -> None:
    assert len(landed(ROW, {**ROW, "seq_len": "512"}, {**ROW, "id": "b"})) == 2


def test_a_length_that_nobody_states_is_noted() -> None:
    (raw,) = landed({**ROW, "total_time_s": ""})
    assert "100 steps" in raw.tags["planner.import_note"]
    (known,) = landed({**ROW, "total_steps": "250"})
    assert understood(known).config.max_steps == 250
    assert "planner.import_note" not in known.tags
