"""The tables that Python writes: name -> row type and key. A new table is one line here."""

from collections.abc import Sequence
from datetime import datetime

from planner.calibration.backtest import Prediction
from planner.calibration.compare import Refusal, RunCost
from planner.calibration.residuals import Residual
from planner.calibration.told import ToldPrediction
from planner.calibration.versions import Promotion
from planner.dialects.updates import Update
from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.training_run import TrainingRun
from planner.drift.decision import DriftDecision
from planner.drift.report import DriftPoint, DriftStatus
from planner.forecast.cadence_rows import CadenceOfUpdate
from planner.forecast.told_update import ToldUpdate
from planner.forecast.weekly import ForecastTotal, ForecastWeek
from planner.gate.decision import GateDecision
from planner.warehouse.connection import Warehouse
from planner.warehouse.tables import ensure_table, replace_all, upsert

TABLES: dict[str, tuple[type[Frozen], tuple[str, ...]]] = {
    "training_runs": (TrainingRun, ("source", "run_id")),
    "updates": (Update, ("source", "first_run_id")),
    "calibrations": (Calibration, ("calibration_id",)),
    "residuals": (Residual, ("run_id", "resource")),
    "promotions": (Promotion, ("as_of", "calibration_id", "decided_by")),
    "predictions": (Prediction, ("run_id", "resource")),
    "told_predictions": (ToldPrediction, ("run_id", "resource", "origin")),
    "run_costs": (RunCost, ("run_id",)),
    "refusals": (Refusal, ("run_id",)),
    "drift_statuses": (DriftStatus, ("as_of", "resource", "group")),
    "drift_points": (DriftPoint, ("as_of", "resource", "group", "run_id")),
    "drift_decisions": (DriftDecision, ("decision_id",)),
    "forecast_weeks": (ForecastWeek, ("as_of", "week_start", "programme", "resource")),
    "forecast_totals": (ForecastTotal, ("as_of", "programme", "resource")),
    "cadences": (CadenceOfUpdate, ("as_of", "programme")),
    "told_updates": (ToldUpdate, ("as_of", "programme")),
    "gate_decisions": (GateDecision, ("decision_id",)),
}


def ensure_tables(db: Warehouse) -> None:
    """Creates the tables that are not there yet, so that every mart can be built on an empty warehouse."""
    for name, (row_type, key) in TABLES.items():
        ensure_table(db, name, row_type, key)


def store(db: Warehouse, name: str, rows: Sequence[Frozen], *, complete: bool = False) -> int:
    """Writes rows into a registered table; the number of rows touched. ``complete``: rows not given are removed."""
    row_type, key = TABLES[name]
    ensure_table(db, name, row_type, key)
    return replace_all(db, name, rows, key) if complete else upsert(db, name, rows, key)


def store_concluded(db: Warehouse, name: str, rows: Sequence[Frozen], as_of: datetime) -> int:
    """Makes these the only rows of ``as_of`` in a table keyed by it; the number of rows touched.

    What an earlier run for the same moment concluded about a programme that is planned no more must not stay.
    """
    row_type, key = TABLES[name]
    ensure_table(db, name, row_type, key)
    return replace_all(db, name, rows, key, "as_of = ?", (as_of,))
