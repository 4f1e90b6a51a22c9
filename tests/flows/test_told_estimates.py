from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.recalibrate import read_told
from planner.calibration.compare import compare
from planner.calibration.told import told_predictions
from planner.catalog.load import load_catalog
from planner.domain.programme import PlannedUpdate
from planner.domain.told_estimate import ToldEstimate
from planner.domain.training_run import Actual, TrainingRun
from planner.estimator.estimate_run import estimate_run
from planner.forecast.told_update import ToldUpdate
from planner.warehouse.connection import connect
from planner.warehouse.registry import ensure_tables, store
from tests.plain_run import plain_run

CATALOG = load_catalog()
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
CONFIG = plain_run(gradient_accumulation_steps=None)


def test_what_forecasts_and_runs_themselves_told_is_held_against_what_was_used(tmp_path: Path) -> None:
    estimate = estimate_run(CONFIG, CATALOG.prices, MONDAY.date())
    update = PlannedUpdate(name="bot", run=CONFIG, cadence="0 6 * * MON", experiment="support-*")
    said = [ToldUpdate.of(update, estimate, MONDAY + timedelta(weeks=w), MONDAY + timedelta(weeks=13)) for w in (0, 1)]
    started = MONDAY + timedelta(days=8)
    run = TrainingRun(
        run_id="r1",
        source="s",
        experiment="support-eu",
        name="r",
        status="FINISHED",
        started_at=started,
        ended_at=started + timedelta(hours=1),
        dialect="planner",
        config=CONFIG.model_copy(update={"seq_len": 1024}),
        actual=Actual(duration_s=estimate.duration_s.p50 * 1.1),
        origins={},
        told=ToldEstimate.of(estimate, started),
    )
    with connect(tmp_path / "warehouse.duckdb") as db:
        ensure_tables(db)
        store(db, "told_updates", said)
        given = read_told.fn(db, [run])
    found = {row.origin: row for row in told_predictions(compare([run], CATALOG.prices).cases, given)}
    assert {origin: row.told_at for origin, row in found.items()} == {
        "forecast": MONDAY + timedelta(weeks=1),
        "callback": started,
    }
    assert all(row.p50 == estimate.duration_s.p50 for row in found.values())
