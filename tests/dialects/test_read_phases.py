"""Phases of the 72 real CPU runs, from the histories in their store."""

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import HISTORIES, MetricHistory, MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.training_run import Actual, TrainingRun

STORE = Path(__file__).parents[2] / ".." / "shared" / "mlflow_cpu_runs" / "mlflow.db"
PHASES = ("start_up_s", "steady_s", "evaluation_s", "checkpoint_s", "stalled_s", "tail_s")


@pytest.fixture(scope="module")
def runs(catalog: Catalog) -> list[TrainingRun]:
    if not STORE.exists():
        pytest.skip(f"no {STORE.name} of real runs in the folder shared, beside the project")
    with sqlite3.connect(f"file:{STORE}?mode=ro", uri=True) as db:
        heads = db.execute("select run_uuid, name, start_time, end_time from runs").fetchall()
        return [interpret(_facts(db, *head), catalog) for head in heads]


def _facts(db: sqlite3.Connection, run_id: str, name: str, start_ms: int, end_ms: int) -> RunFacts:
    points: defaultdict[str, list[tuple[int, int, float]]] = defaultdict(list)
    latest: dict[str, MetricPoint] = {}
    for key, value, step, at in db.execute(
        "select key, value, step, timestamp from metrics where run_uuid = ? order by key, step, timestamp", (run_id,)
    ):
        latest[key] = MetricPoint(value, step)
        if key in HISTORIES:
            points[key].append((step, at, value))
    histories = {}
    for key, found in points.items():
        steps, times, values = zip(*found, strict=True)
        histories[key] = MetricHistory(steps, times, values)
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (start_ms, end_ms))
    params = dict(db.execute("select key, value from params where run_uuid = ?", (run_id,)))
    return RunFacts(
        "s", run_id, "e", name, "FINISHED", start, end, params=params, metrics=latest, histories=histories
    )  # fmt: skip


def test_phases_of_real_runs_add_up_to_their_duration(runs: list[TrainingRun]) -> None:
    known = [run.actual for run in runs if run.actual.steady_s is not None]
    assert len(known) >= 65
    for actual in known:
        assert sum(getattr(actual, phase) for phase in PHASES) == pytest.approx(actual.duration_s, abs=1e-6)


def test_the_steady_pace_of_real_runs_is_no_slower_than_their_mean(runs: list[TrainingRun]) -> None:
    """The trainer's clock counts warm-up and checkpoints: on average the steady pace is a few percent faster."""
    ratios = sorted(_ratio(run.actual) for run in runs if run.actual.steady_step_time_s is not None)
    assert 0.9 < ratios[len(ratios) // 2] <= 1.0
    assert ratios[-1] < 1.1


def _ratio(actual: Actual) -> float:
    assert actual.steady_step_time_s is not None
    assert actual.step_time_s is not None
    return actual.steady_step_time_s / actual.step_time_s
