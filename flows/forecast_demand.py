"""Flow: demand, storage, network and cost of the next weeks."""

from datetime import datetime
from pathlib import Path

from prefect import flow

from flows.context import open_context
from flows.io_task import io_task
from flows.log import log
from flows.recalibrate import read_runs
from planner.calibration.compare import RunCost
from planner.domain.calibration import Calibration
from planner.forecast.plan import Plan, make_plan
from planner.forecast.weekly import Forecast, forecast_weeks
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.registry import store_concluded
from planner.warehouse.tables import read


@io_task
def write_forecast(db: Warehouse, forecast: Forecast, plan: Plan) -> None:
    """Weeks, totals, and the cadences and estimates behind them, keyed by ``as_of``."""
    with db.transaction():
        store_concluded(db, "forecast_weeks", forecast.weeks, forecast.as_of)
        store_concluded(db, "forecast_totals", forecast.totals, forecast.as_of)
        store_concluded(db, "cadences", plan.cadences, forecast.as_of)
        store_concluded(db, "told_updates", plan.told, forecast.as_of)


@flow(name="forecast-demand")
def forecast_demand(config_path: Path, as_of: datetime, calibration_id: str, num_weeks: int = 12) -> tuple[str, ...]:
    """The forecast's notes."""
    context = open_context(config_path)
    with connect(context.settings.warehouse_path) as db:
        calibration = read(db, "calibrations", Calibration, "calibration_id = ?", (calibration_id,))[0]
        runs = [run for run in read_runs(db) if run.started_at is not None and run.started_at < as_of]
        costs = {cost.run_id: cost.list_cost_usd for cost in read(db, "run_costs", RunCost)}
        plan = make_plan(
            context.programme,
            runs,
            costs,
            calibration=calibration,
            prices=context.catalog.prices,
            as_of=as_of,
            num_weeks=num_weeks,
        )
        forecast = forecast_weeks(
            plan.expected,
            plan.observed,
            as_of=as_of,
            zone=context.programme.zone,
            num_weeks=num_weeks,
            seed_text=context.programme.name,
            calibration_id=calibration_id,
        )
        write_forecast(db, forecast, plan)
    log.info(f"forecast of {num_weeks} weeks: {len(plan.expected)} planned, {len(plan.observed)} observed")
    return forecast.notes
