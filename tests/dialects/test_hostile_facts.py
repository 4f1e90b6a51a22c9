"""Histories, times and artifacts of strangers: never an error, and phases that never exceed the run."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.dialects.facts import HISTORIES, MetricHistory, MetricPoint, RunFacts
from planner.dialects.interpret import UNREADABLE, interpret
from planner.domain.training_run import TrainingRun

START = datetime(2026, 11, 2, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
CATALOG = load_catalog()
BIG = st.integers(-(2**63), 2**63 - 1)
STEPS = st.integers(-3, 50) | BIG
TIMES_MS = st.integers(START_MS - 1000, START_MS + 100_000) | BIG
VALUES = st.none() | st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.none() | st.integers(-(10**6), 10**6).map(lambda s: START + timedelta(seconds=s))
PATHS = st.sampled_from(
    ["adapter_config.json", "config.yaml", "checkpoint-5/config.json", "ds.json", "train.log", "logs/a.txt", "x.yml",
     "checkpoint-5/adapter_model.safetensors", "<b>.json"]
)  # fmt: skip
TEXTS = st.text(max_size=60) | st.sampled_from(
    ['{"peft_type": "LORA", "r": -8, "target_modules": 5}', '{"peft_type": "LORA", "r": 1e999}', "a: &a [*a]",
     "[" * 500,
     '{"model_type": "llama", "hidden_size": "🦙"}', "finetuning_type: [1]\nlora_rank: {}", "CUDA out of memory",
     '{"zero_optimization": {"stage": {"a": 1}}}', "base_model: x\nsequence_len: -4\nlora_r: .nan", "{}", "null"]
)  # fmt: skip
HISTORY = st.lists(st.tuples(STEPS, TIMES_MS, VALUES), max_size=12).map(
    lambda points: (
        MetricHistory(*(tuple(column) for column in zip(*sorted(points, key=lambda p: p[:2]), strict=True)))
        if points
        else MetricHistory((), (), ())
    )
)


@settings(max_examples=200, deadline=None)
@given(
    histories=st.dictionaries(st.sampled_from(HISTORIES), HISTORY, max_size=5),
    artifacts=st.dictionaries(PATHS, TEXTS, max_size=5),
    artifact_bytes=st.dictionaries(PATHS, st.integers(-5, 2**62), max_size=5),
    every=st.sampled_from(["0", "-1", "3", "1e30", "0.2"]),
    started_at=TIMES,
    ended_at=TIMES,
    status=st.sampled_from(["FINISHED", "FAILED", "KILLED", "RUNNING"]),
)
def test_nothing_among_histories_and_artifacts_is_an_error(
    histories: dict[str, MetricHistory],
    artifacts: dict[str, str],
    artifact_bytes: dict[str, int],
    every: str,
    started_at: datetime | None,
    ended_at: datetime | None,
    status: str,
) -> None:
    params = {"per_device_train_batch_size": "2", "save_steps": every, "save_strategy": "steps", "eval_steps": every}
    facts = RunFacts(
        "s", "r", "e", "n", status, started_at, ended_at, params, metrics={"train_runtime": MetricPoint(9.0, 5)},
        histories=histories, artifacts=artifacts, artifact_bytes=artifact_bytes,
    )  # fmt: skip
    run = interpret(facts, CATALOG)
    assert UNREADABLE not in (run.problem or "")
    assert TrainingRun.model_validate_json(run.model_dump_json()) == run
    actual = run.actual
    if actual.steady_s is not None and actual.duration_s is not None:
        parts = (actual.start_up_s, actual.steady_s, actual.evaluation_s, actual.checkpoint_s, actual.stalled_s)
        assert sum(part or 0.0 for part in (*parts, actual.tail_s)) == pytest.approx(actual.duration_s, abs=1e-3)
