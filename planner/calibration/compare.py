"""Past runs held against the physics: residuals, costs, and why some runs cannot be compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from planner.calibration.observed import Facts, Observed, bounds_of
from planner.calibration.residuals import Residual, residuals_of
from planner.calibration.traits import Traits, traits_of
from planner.domain import Frozen
from planner.domain.estimate import Estimate
from planner.domain.price_book import PriceBook
from planner.domain.programme import Programme
from planner.domain.training_run import TrainingRun
from planner.errors import InputError
from planner.estimator.cost import accelerator_quote
from planner.estimator.estimate_run import estimate_run
from planner.units import HOUR_S


class RunCost(Frozen):
    """What a run occupied and what that costs, at its cluster's own price or else at list price."""

    run_id: str
    experiment: str
    config_hash: str
    started_at: datetime | None
    ended_at: datetime | None
    accelerator: str
    num_accelerators: int
    accelerator_hours: float
    list_cost_usd: float | None
    """None where no price is known for the accelerator on that day."""


class Refusal(Frozen):
    """A run that cannot be estimated, and why."""

    run_id: str
    experiment: str
    reason: str


@dataclass(frozen=True, slots=True)
class Case:
    """One finished run: what the physics expected of it, and how far off that was for each measured resource."""

    estimate: Estimate
    residuals: tuple[Residual, ...]
    """Not empty; all of one run."""
    traits: Traits | None = None
    """None: its nested groups alone."""
    started_at: datetime | None = None

    @property
    def who(self) -> Traits:
        return self.traits or Traits(groups=self.residuals[0].groups)

    @property
    def asked_at(self) -> datetime:
        """When its estimate was needed: at its start."""
        return self.started_at or self.residuals[0].ended_at


@dataclass(frozen=True, slots=True)
class Comparison:
    """All runs of a history against the physics."""

    cases: tuple[Case, ...]
    costs: tuple[RunCost, ...]
    refusals: tuple[Refusal, ...]
    bounds: tuple[Observed, ...] = ()
    """What failed and killed runs tell."""

    @property
    def facts(self) -> dict[str, Facts]:
        """By run id, what may explain its residuals."""
        return {case.residuals[0].run_id: Facts(case.who, case.estimate) for case in self.cases}

    @property
    def residuals(self) -> tuple[Residual, ...]:
        return tuple(residual for case in self.cases for residual in case.residuals)


def at_own_prices(runs: Iterable[TrainingRun], programme: Programme) -> list[TrainingRun]:
    """Past runs at the fleet's prices, as planned ones are: else history and forecast would not add up."""
    return [run.model_copy(update={"config": programme.at_own_price(run.config)}) for run in runs]


def compare(runs: Iterable[TrainingRun], prices: PriceBook) -> Comparison:
    """Estimate every run from its configuration alone and compare with what it used."""
    cases: list[Case] = []
    costs: list[RunCost] = []
    refusals: list[Refusal] = []
    bounds: list[Observed] = []
    for run in runs:
        cost = cost_of(run, prices)
        if cost is not None:
            costs.append(cost)
        if run.problem is not None:
            continue
        try:
            estimate = estimate_run(run.config, prices, _day(run))
        except InputError as error:
            refusals.append(Refusal(run_id=run.run_id, experiment=run.experiment, reason=str(error)))
            continue
        residuals = residuals_of(run, estimate)
        if residuals:
            cases.append(Case(estimate, residuals, traits_of(run.config, run.experiment), run.started_at))
        bounds.extend(bounds_of(run, estimate))
    return Comparison(cases=tuple(cases), costs=tuple(costs), refusals=tuple(refusals), bounds=tuple(bounds))


def cost_of(run: TrainingRun, prices: PriceBook) -> RunCost | None:
    """Accelerator-hours and cost of a run, whatever its outcome; None where duration or hardware is unknown."""
    cluster, duration_s = run.config.cluster, run.actual.duration_s
    if cluster is None or duration_s is None:
        return None
    accelerator_hours = cluster.count * duration_s / HOUR_S
    rate = accelerator_quote(cluster, prices, _day(run)).usd
    return RunCost(
        run_id=run.run_id,
        experiment=run.experiment,
        config_hash=run.config.config_hash,
        started_at=run.started_at,
        ended_at=run.ended_at,
        accelerator=cluster.accelerator.slug,
        num_accelerators=cluster.count,
        accelerator_hours=accelerator_hours,
        list_cost_usd=None if rate is None else accelerator_hours * rate.p50,
    )


def _day(run: TrainingRun) -> date | None:
    return run.started_at.date() if run.started_at else None
