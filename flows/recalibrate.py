"""Flow: estimate against actual for every past run, and a calibration from those that ended before ``as_of``."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prefect import flow

from flows.context import open_context
from flows.io_task import io_task
from flows.log import log
from planner.calibration.backtest import Prediction, rolling_origin
from planner.calibration.compare import Comparison, compare
from planner.calibration.fit import fit
from planner.domain.calibration import Calibration
from planner.domain.programme import Programme
from planner.domain.training_run import TrainingRun
from planner.estimator.constants import PRIOR
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.registry import store
from planner.warehouse.tables import read


@io_task
def read_runs(db: Warehouse) -> list[TrainingRun]:
    """All training runs as understood."""
    return read(db, "training_runs", TrainingRun)


@io_task
def write_learnt(
    db: Warehouse, comparison: Comparison, predictions: Sequence[Prediction], calibration: Calibration
) -> None:
    """Everything learnt, in one transaction; calibrations are only ever added."""
    with db.transaction():
        store(db, "residuals", comparison.residuals, complete=True)
        store(db, "run_costs", comparison.costs, complete=True)
        store(db, "refusals", comparison.refusals, complete=True)
        store(db, "predictions", predictions, complete=True)
        store(db, "calibrations", [calibration])


def _at_own_prices(runs: Sequence[TrainingRun], programme: Programme) -> list[TrainingRun]:
    """Past runs at the fleet's prices, as planned ones are: else history and forecast would not add up."""
    return [run.model_copy(update={"config": programme.at_own_price(run.config)}) for run in runs]


@flow(name="recalibrate")
def recalibrate(config_path: Path, as_of: datetime) -> str:
    """Id of the calibration."""
    context = open_context(config_path)
    with connect(context.settings.warehouse_path) as db:
        comparison = compare(_at_own_prices(read_runs(db), context.programme), context.catalog.prices)
        calibration = fit(comparison.residuals, as_of=as_of, prior=PRIOR)
        past = [case for case in comparison.cases if case.residuals[0].ended_at < as_of]
        write_learnt(db, comparison, rolling_origin(past, prior=PRIOR), calibration)
    log.info(f"calibration {calibration.calibration_id} learnt from {calibration.num_runs} runs")
    return calibration.calibration_id
