"""Flow: estimate against actual for every past run, and a calibration from those that ended before ``as_of``."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prefect import flow

from flows.context import open_context
from flows.io_task import io_task
from flows.log import log
from planner.calibration.backtest import rolling_origin, width_ratios
from planner.calibration.compare import Comparison, at_own_prices, compare
from planner.calibration.fit import fit
from planner.calibration.told import Told, told_predictions
from planner.calibration.versions import Promotion, in_use, judge
from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.told_estimate import ToldEstimate
from planner.domain.training_run import TrainingRun
from planner.estimator.constants import PRIOR
from planner.forecast.told_update import ToldUpdate, runs_told_of
from planner.gate.decision import GateDecision
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.registry import ensure_tables, store
from planner.warehouse.tables import read


@io_task
def read_runs(db: Warehouse) -> list[TrainingRun]:
    """All training runs as understood."""
    return read(db, "training_runs", TrainingRun)


@io_task
def read_champion(db: Warehouse, as_of: datetime) -> Calibration | None:
    """The version that was in use just before ``as_of``."""
    ensure_tables(db)
    chosen = in_use(read(db, "promotions", Promotion), as_of)
    return read(db, "calibrations", Calibration, "calibration_id = ?", (chosen,))[0] if chosen else None


@io_task
def read_told(db: Warehouse, runs: Sequence[TrainingRun]) -> list[Told]:
    """Estimates that the gate gave, that runs logged about themselves, and that forecasts of their update rested on."""
    decisions = read(db, "gate_decisions", GateDecision)
    of_forecasts = runs_told_of(read(db, "told_updates", ToldUpdate), runs)
    return [
        *(Told("gate", ToldEstimate.of(one.estimate, one.decided_at)) for one in decisions),
        *(Told("callback", run.told, run.run_id) for run in runs if run.told is not None),
        *(Told("forecast", estimate, run_id) for run_id, estimate in of_forecasts),
    ]


@io_task
def write_learnt(db: Warehouse, comparison: Comparison, found: dict[str, Sequence[Frozen]]) -> None:
    """Everything learnt, in one transaction; calibrations and promotions are only ever added."""
    with db.transaction():
        store(db, "residuals", comparison.residuals, complete=True)
        store(db, "run_costs", comparison.costs, complete=True)
        store(db, "refusals", comparison.refusals, complete=True)
        for name, rows in found.items():
            store(db, name, rows, complete=name not in ("calibrations", "promotions"))


@flow(name="recalibrate")
def recalibrate(config_path: Path, as_of: datetime) -> str:
    """Id of the calibration that is used from now on: the new one, where it is promoted."""
    context = open_context(config_path)
    with connect(context.settings.warehouse_path) as db:
        champion = read_champion(db, as_of)
        runs = at_own_prices(read_runs(db), context.programme)
        comparison = compare(runs, context.catalog.prices)
        past = [case for case in comparison.cases if case.residuals[0].ended_at < as_of]
        bounds = [bound for bound in comparison.bounds if bound.ended_at < as_of]
        predictions = rolling_origin(past, prior=PRIOR, bounds=bounds)
        paths = {case.residuals[0].run_id: case.who.groups for case in past}
        calibration = fit(
            comparison.residuals,
            as_of=as_of,
            prior=PRIOR,
            facts=comparison.facts,
            bounds=bounds,
            width_ratios=width_ratios(predictions, paths),
        )
        decision = judge(calibration, champion, past, bounds=bounds)
        used = calibration if decision.action == "promoted" else champion or fit([], as_of=as_of, prior=PRIOR)
        write_learnt(
            db,
            comparison,
            {
                "predictions": predictions,
                "told_predictions": told_predictions(past, read_told(db, runs)),
                "calibrations": list({one.calibration_id: one for one in (calibration, used)}.values()),
                "promotions": [decision],
            },
        )
    log.info(f"calibration {calibration.calibration_id} learnt from {calibration.num_runs} runs: {decision.action}")
    for reason in decision.reasons:
        (log.info if decision.action == "promoted" else log.warning)(f"{decision.action}: {reason}")
    return used.calibration_id
