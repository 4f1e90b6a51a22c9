from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import flows.track_drift
from benchmarks.drift_simulation import START, Shifted, one_thing_moves
from flows.track_drift import DRIFT_OPENED, track_drift
from planner.calibration.residuals import Residual
from planner.drift.decision import DriftDecision
from planner.drift.report import DriftStatus
from planner.settings import read_settings
from planner.warehouse.build import build, build_views
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.inbox import leave_in_inbox
from planner.warehouse.registry import store
from planner.warehouse.tables import columns_of, read, read_table

AS_OF = START + timedelta(weeks=46)


@pytest.fixture(scope="module")
def history() -> Shifted:
    return one_thing_moves("driver", seed=101, size_sd=2.0)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    path = tmp_path / "foretune.yaml"
    path.write_text("name: drifting\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    return path


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would go to Prefect."""
    sent: list[dict[str, Any]] = []

    def record(event: str, **given: Any) -> None:
        sent.append({"event": event, **given})

    monkeypatch.setattr(flows.track_drift, "emit_event", record)
    return sent


@contextmanager
def warehouse(config: Path) -> Iterator[Warehouse]:
    with connect(read_settings({}, config).warehouse_path) as db:
        yield db


def statuses(config: Path) -> list[DriftStatus]:
    with warehouse(config) as db:
        return [one for one in read(db, "drift_statuses", DriftStatus) if one.stage]


def fill(config: Path, residuals: list[Residual]) -> None:
    with warehouse(config) as db:
        build_views(db)
        store(db, "residuals", residuals, complete=True)


def test_a_new_drift_is_announced_once_however_often_it_is_found(
    config: Path, history: Shifted, events: list[dict[str, Any]]
) -> None:
    fill(config, history.residuals)
    assert track_drift(config, AS_OF) >= 1
    first = list(events)
    assert {one["event"] for one in first} == {DRIFT_OPENED}
    assert len({one["id"] for one in first}) == len(first) == len(statuses(config))
    assert all(one["resource"]["prefect.resource.id"].startswith("foretune.drift.") for one in first)
    assert all(one["payload"]["verdict"] for one in first)
    before = statuses(config)
    track_drift(config, AS_OF)
    assert statuses(config) == before
    track_drift(config, AS_OF + timedelta(days=1))
    track_drift(config, AS_OF - timedelta(weeks=2))
    assert events == first


def test_decisions_from_the_inbox_are_kept_and_hold_from_the_next_tracking_on(
    config: Path, history: Shifted, events: list[dict[str, Any]]
) -> None:
    fill(config, history.residuals)
    track_drift(config, AS_OF)
    drifts = [one.drift_id for one in statuses(config)]
    inbox = read_settings({}, config).drift_inbox_path
    for number, (action, drift_id) in enumerate(zip(("acknowledge", "close"), drifts, strict=False)):
        decision = DriftDecision.model_validate(
            {
                "decision_id": f"d{number}",
                "decided_at": AS_OF + timedelta(hours=1),
                "drift_id": drift_id,
                "action": action,
                "note": "new driver",
            }
        )
        leave_in_inbox(inbox, decision, decision.decision_id)
    later = AS_OF + timedelta(days=1)
    track_drift(config, later)
    found = {one.drift_id: one for one in statuses(config) if one.as_of == later}
    assert found[drifts[0]].stage == "acknowledged"
    assert found[drifts[0]].note == "new driver"
    assert found[drifts[1]].stage == "closed"
    assert not list(inbox.glob("*.json"))
    with warehouse(config) as db:
        assert len(read(db, "drift_decisions", DriftDecision)) == 2
        build(db, time_zone="UTC", as_of=later)
        shown = {row["drift_id"]: row for row in read_table(db, "drift_status", "drift_id is not null")}
        pictures = {row["drift_id"] for row in read_table(db, "drift_history")}
    assert shown[drifts[0]]["stage"] == "acknowledged"
    assert pictures == set(shown)
    assert len(events) == len(drifts)


def test_the_table_of_decisions_has_the_columns_of_its_rows(config: Path) -> None:
    with warehouse(config) as db:
        columns = db.execute(
            "select column_name, is_nullable from duckdb_columns() where table_name = 'drift_decisions'"
        )
    assert columns == [(column.name, column.nullable) for column in columns_of(DriftDecision)]


def test_no_residuals_and_failed_runs_alone_are_no_drift(config: Path, events: list[dict[str, Any]]) -> None:
    fill(config, [])
    assert track_drift(config, AS_OF) == 0
    assert not events
