"""From a programme and its history to what the simulation needs."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase

from planner.calibration.apply import apply
from planner.calibration.cadence import Cadence, observe_cadence
from planner.calibration.traits import traits_of
from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.estimate import Estimate
from planner.domain.price_book import PriceBook
from planner.domain.programme import PlannedUpdate, Programme
from planner.domain.training_run import TrainingRun
from planner.errors import ConfigError, InputError
from planner.estimator.estimate_run import estimate_run
from planner.forecast.calendar import planned_slots
from planner.forecast.demand import ExpectedUpdate, ObservedProgramme, observe_programme
from planner.forecast.weekly import ALL


class CadenceOfUpdate(Frozen):
    """How often a planned update, or an experiment that nobody planned, really happened up to ``as_of``."""

    as_of: datetime
    programme: str
    planned_updates: int | None
    finished_updates: int
    attempts: int
    updates_per_planned: float | None
    """Updates that happen for one planned, shrunken towards 1; None without a plan."""
    attempts_per_finished: float | None
    """None where nothing was finished."""
    slip_s_p50: float | None
    slip_s_p90: float | None


class Plan(Frozen):
    """What is expected of planned updates and of experiments that nobody planned."""

    expected: tuple[ExpectedUpdate, ...]
    observed: tuple[ObservedProgramme, ...]
    cadences: tuple[CadenceOfUpdate, ...]


def check_plan(programme: Programme, prices: PriceBook, on: date) -> None:
    """Raises ConfigError where a planned run lacks what an estimate needs: before anything is read or written."""
    for update in programme.planned_updates:
        _estimate(update, programme, prices, on)


def make_plan(
    programme: Programme,
    runs: Sequence[TrainingRun],
    list_cost_usd: Mapping[str, float | None],
    *,
    calibration: Calibration,
    prices: PriceBook,
    as_of: datetime,
    num_weeks: int,
) -> Plan:
    """Calibrated estimates and observed frequencies of everything that will run.

    ``list_cost_usd`` by run id stands in where a run logged no cost. Raises ConfigError where a planned run lacks what
    an estimate needs.
    """
    history = [_with_cost(run, list_cost_usd.get(run.run_id)) for run in runs]
    horizon = as_of + timedelta(weeks=num_weeks + 1)
    expected, cadences = [], []
    planned: set[str] = set()
    for update in programme.planned_updates:
        own = [run for run in history if fnmatchcase(run.experiment, update.experiment_pattern)]
        planned |= {run.experiment for run in own}
        cadence = observe_cadence(update, update.name, own, as_of, programme.zone)
        cadences.append(_row(cadence, as_of))
        slots = planned_slots(update.cadence, programme.zone, as_of, horizon)
        estimate = _calibrated(_estimate(update, programme, prices, as_of.date()), update, own, calibration)
        expected.append(ExpectedUpdate.of(update, slots, cadence, estimate))
    observed = []
    taken = {ALL, *(update.name for update in programme.planned_updates)}
    for experiment in sorted({run.experiment for run in history} - planned):
        own = [run for run in history if run.experiment == experiment]
        name = f"{experiment} (experiment)" if experiment in taken else experiment
        cadences.append(_row(observe_cadence(None, name, own, as_of, programme.zone), as_of))
        found = observe_programme(name, own, as_of)
        if found is not None:
            observed.append(found)
    return Plan(expected=tuple(expected), observed=tuple(observed), cadences=tuple(cadences))


def _estimate(update: PlannedUpdate, programme: Programme, prices: PriceBook, on: date) -> Estimate:
    try:
        return estimate_run(programme.at_own_price(update.run), prices, on)
    except InputError as error:
        raise ConfigError(f"planned update {update.name!r}: {error}") from error


def _calibrated(
    estimate: Estimate, update: PlannedUpdate, own: Sequence[TrainingRun], calibration: Calibration
) -> Estimate:
    experiments = {run.experiment for run in own}
    experiment = experiments.pop() if len(experiments) == 1 else None
    return apply(calibration, estimate, traits_of(update.run, experiment))


def _with_cost(run: TrainingRun, list_cost_usd: float | None) -> TrainingRun:
    if run.actual.cost_usd is not None or list_cost_usd is None:
        return run
    return run.model_copy(update={"actual": run.actual.model_copy(update={"cost_usd": list_cost_usd})})


def _row(cadence: Cadence, as_of: datetime) -> CadenceOfUpdate:
    planned = cadence.planned_updates
    return CadenceOfUpdate(
        as_of=as_of,
        programme=cadence.name,
        planned_updates=planned,
        finished_updates=cadence.finished_updates,
        attempts=cadence.attempts,
        updates_per_planned=cadence.updates_per_planned_ratio.mean if planned else None,
        attempts_per_finished=cadence.attempts_per_finished_update if cadence.finished_updates else None,
        slip_s_p50=cadence.slip_s_p50,
        slip_s_p90=cadence.slip_s_p90,
    )
