"""From a programme and its history to what the simulation needs."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase

from planner.calibration.apply import apply
from planner.calibration.cadence import learn_cadences
from planner.calibration.seen_updates import see_updates
from planner.calibration.traits import traits_of
from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.estimate import Estimate
from planner.domain.price_book import PriceBook
from planner.domain.programme import PlannedUpdate, Programme
from planner.domain.training_run import TrainingRun
from planner.errors import ConfigError, InputError
from planner.estimator.estimate_run import estimate_run
from planner.forecast.cadence_rows import CadenceOfUpdate, cadence_row
from planner.forecast.calendar import planned_slots
from planner.forecast.demand import ExpectedUpdate, ObservedProgramme, observe_programme
from planner.forecast.told_update import ToldUpdate
from planner.forecast.weekly import ALL


class Plan(Frozen):
    """What is expected of planned updates and of experiments that nobody planned."""

    expected: tuple[ExpectedUpdate, ...]
    observed: tuple[ObservedProgramme, ...]
    cadences: tuple[CadenceOfUpdate, ...]
    told: tuple[ToldUpdate, ...] = ()


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
    by_experiment: dict[str, list[TrainingRun]] = {}
    for run in history:
        by_experiment.setdefault(run.experiment, []).append(run)
    planned: set[str] = set()
    of_update, seen = [], []
    for update in programme.planned_updates:
        names = [name for name in by_experiment if fnmatchcase(name, update.experiment_pattern)]
        planned |= set(names)
        of_update.append([run for name in names for run in by_experiment[name]])
        seen.append(see_updates(update, update.name, of_update[-1], as_of, programme.zone))
    observed = []
    taken = {ALL, *(update.name for update in programme.planned_updates)}
    for experiment in sorted(by_experiment.keys() - planned):
        name = f"{experiment} (experiment)" if experiment in taken else experiment
        seen.append(see_updates(None, name, by_experiment[experiment], as_of, programme.zone))
        found = observe_programme(name, by_experiment[experiment], as_of)
        if found is not None:
            observed.append(found)
    cadences = learn_cadences(seen)
    expected = [
        ExpectedUpdate.of(
            update,
            planned_slots(update.cadence, programme.zone, as_of, horizon),
            cadence,
            _calibrated(_estimate(update, programme, prices, as_of.date()), update, own, calibration),
        )
        for update, own, cadence in zip(programme.planned_updates, of_update, cadences, strict=False)
    ]
    return Plan(
        expected=tuple(expected),
        observed=tuple(observed),
        cadences=tuple(cadence_row(cadence, as_of) for cadence in cadences),
        told=tuple(
            ToldUpdate.of(update, one.estimate, as_of, horizon)
            for update, one in zip(programme.planned_updates, expected, strict=True)
        ),
    )


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
