"""What is expected to be run: planned updates by their estimates, other experiments by what they did lately."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from planner.calibration.cadence import Cadence
from planner.calibration.posteriors import Normal
from planner.domain import Frozen
from planner.domain.estimate import Estimate
from planner.domain.programme import PlannedUpdate
from planner.domain.training_run import TrainingRun
from planner.units import HOUR_S, WEEK_S


class ExpectedUpdate(Frozen):
    """A planned update over the horizon: when it is due, how regularly it happens, what one run needs."""

    name: str
    slots: tuple[AwareDatetime, ...]
    """When it is due, in order."""
    runs_per_update: int = Field(default=1, gt=0)
    cadence: Cadence
    estimate: Estimate
    """Calibrated, of one run on the dataset as it is now: the first slot's dataset."""
    growth_log_per_slot: Normal = Normal(mean=0.0, sd=0.0)
    """How much larger each slot's dataset is than that of the slot before: the log of their ratio."""
    length_follows_dataset: bool = True
    """False where steps or tokens are fixed: the dataset then grows and the runs do not."""
    keep_checkpoints_of_last_updates: int | None = Field(default=None, gt=0)
    """None: checkpoints are kept for ever."""

    @classmethod
    def of(cls, update: PlannedUpdate, slots: Sequence[datetime], cadence: Cadence, estimate: Estimate) -> Self:
        """A planned update with what history and physics say about it.

        A growth of the dataset in the plan goes before the growth that was learnt.
        """
        stated = update.dataset_growth_ratio_per_update
        return cls(
            name=update.name,
            slots=tuple(slots),
            runs_per_update=update.runs_per_update,
            cadence=cadence,
            estimate=estimate,
            growth_log_per_slot=Normal(mean=math.log1p(stated), sd=0.0) if stated else cadence.growth_log_per_slot,
            length_follows_dataset=update.run.max_steps is None and update.run.train_tokens is None,
            keep_checkpoints_of_last_updates=update.keep_checkpoints_of_last_updates,
        )

    @model_validator(mode="after")
    def _slots_rise(self) -> Self:
        times = [slot.timestamp() for slot in self.slots]
        if times != sorted(times):
            raise ValueError(f"slots of {self.name!r} are not in order of time")
        return self

    @property
    def accelerator(self) -> str:
        """Slug of the accelerator it asks the fleet for."""
        return self.estimate.accelerator


class ObservedRun(Frozen):
    """What one past run used. None where nothing tells."""

    duration_s: float = Field(ge=0)
    accelerator: str | None = None
    num_accelerators: int | None = Field(default=None, gt=0)
    cost_usd: float | None = Field(default=None, ge=0)
    stored_bytes: float | None = Field(default=None, ge=0)
    """Checkpoints it left behind."""
    network_bytes: float | None = Field(default=None, ge=0)

    @property
    def accelerator_hours(self) -> float | None:
        return None if self.num_accelerators is None else self.duration_s * self.num_accelerators / HOUR_S


class ObservedProgramme(Frozen):
    """An experiment nobody planned: it is expected to go on as it did in the last weeks."""

    name: str
    runs_per_week_shape: float = Field(gt=0)
    """Gamma posterior of the mean number of runs that end in a week."""
    runs_per_week_rate: float = Field(gt=0)
    weekly_dispersion: float = Field(default=0.0, ge=0)
    """Squared coefficient of variation of the weekly intensity: 0 is Poisson, experiments in bursts have 1 and more."""
    runs: tuple[ObservedRun, ...] = Field(min_length=1)
    """Drawn from as whole rows, so that long runs stay dear runs."""

    @property
    def accelerators(self) -> frozenset[str]:
        """Slugs of the accelerators its runs had, where known."""
        return frozenset(run.accelerator for run in self.runs if run.accelerator is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What its runs do not tell, in sentences."""
        untold = {
            "accelerators": [run.num_accelerators is None for run in self.runs],
            "cost": [run.cost_usd is None for run in self.runs],
            "network traffic": [run.network_bytes is None for run in self.runs],
            "stored checkpoints": [run.stored_bytes is None for run in self.runs],
        }
        return tuple(
            f"{what} unknown for {self.name}: totals leave it out"
            if all(unknown)
            else f"{what} of {sum(unknown)} of {len(unknown)} runs of {self.name} unknown: taken as the others' median"
            for what, unknown in untold.items()
            if any(unknown)
        )


def observe_programme(
    name: str, runs: Sequence[TrainingRun], as_of: datetime, *, num_weeks: int = 12
) -> ObservedProgramme | None:
    """What the runs of one experiment that ended in the last ``num_weeks`` weeks before ``as_of`` say about its future.

    Failed and killed runs count: they hold accelerators too. None where no run ended in that time.
    Gamma-Poisson with the prior Gamma(1/2, 0) of Jeffreys; weeks before the experiment's first run do not count as
    idle. Counts that vary more than a Poisson's (method of moments) widen the posterior as in quasi-likelihood
    (McCullagh and Nelder 1989, section 6.2): shape and rate shrink by the same factor.
    """
    ended = [run for run in runs if _has_ended(run, as_of)]
    recent = [run for run in ended if run.ended_at and run.ended_at > as_of - timedelta(weeks=num_weeks)]
    if not recent:
        return None
    first = min(run.started_at for run in ended if run.started_at)
    exposure_weeks = min(float(num_weeks), max(1.0, (as_of - first).total_seconds() / WEEK_S))
    counts = [0] * max(1, math.floor(exposure_weeks))
    for run in recent:
        week = int((as_of - run.ended_at).total_seconds() // WEEK_S) if run.ended_at else 0
        if week < len(counts):
            counts[week] += 1
    dispersion = _dispersion(counts)
    widening = 1 + dispersion * sum(counts) / len(counts)
    return ObservedProgramme(
        name=name,
        runs_per_week_shape=(len(recent) + 0.5) / widening,
        runs_per_week_rate=exposure_weeks / widening,
        weekly_dispersion=dispersion,
        runs=tuple(_observed(run) for run in sorted(recent, key=lambda run: run.run_id)),
    )


def _has_ended(run: TrainingRun, as_of: datetime) -> bool:
    ended = run.status in ("FINISHED", "FAILED", "KILLED")
    return ended and None is not run.started_at and run.ended_at is not None and run.started_at <= run.ended_at <= as_of


def _dispersion(counts: Sequence[int]) -> float:
    """Variance beyond the Poisson's over the squared mean; 0 where fewer than 4 weeks were seen."""
    if len(counts) < 4 or sum(counts) == 0:
        return 0.0
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    return max(0.0, variance - mean) / mean**2


def _observed(run: TrainingRun) -> ObservedRun:
    cluster, actual = run.config.cluster, run.actual
    elapsed_s = (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else 0.0
    return ObservedRun(
        duration_s=elapsed_s if actual.duration_s is None else actual.duration_s,
        accelerator=cluster.accelerator.slug if cluster else None,
        num_accelerators=cluster.count if cluster else None,
        cost_usd=actual.cost_usd,
        stored_bytes=actual.checkpoint_bytes,
        network_bytes=actual.network_bytes,
    )
