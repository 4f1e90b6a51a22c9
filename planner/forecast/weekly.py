"""Forecast rows: quantiles of every resource by week and programme, and of their totals."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from planner.domain import Frozen
from planner.errors import InputError
from planner.forecast.block import Block
from planner.forecast.calendar import weeks_from
from planner.forecast.demand import ExpectedUpdate, ObservedProgramme
from planner.forecast.occupancy import Floats, Occupancy, book_on_weeks, peak_by_week
from planner.forecast.simulate import num_intervals, simulate_update
from planner.forecast.simulate_observed import simulate_observed

ForecastResource = Literal[
    "runs", "accelerator_hours", "peak_accelerators", "storage_bytes", "network_bytes", "cost_usd"
]
RESOURCES: tuple[ForecastResource, ...] = (
    "runs",
    "accelerator_hours",
    "peak_accelerators",
    "storage_bytes",
    "network_bytes",
    "cost_usd",
)
ALL = "all"
"""In place of a programme's name: everything together."""
BLOCK_SAMPLES = 250
MOST_INTERVALS = 50_000
"""More planned runs than this would not fit into memory; no team means them."""


MOST_GROWTH = 1e6
"""Of a dataset over the horizon."""


class ForecastWeek(Frozen):
    """One resource of one programme in one week. Demand: nothing is queued for want of accelerators.

    ``peak_accelerators``: most held at once; ``storage_bytes``: held at the end of the week by runs that start after
    ``as_of``; the other resources add up over weeks.
    """

    as_of: datetime
    week_start: date
    """Monday, in the programme's time zone."""
    programme: str
    """The name of an update or experiment, or ``all``."""
    resource: ForecastResource
    p10: float
    p50: float
    p90: float
    mean: float
    calibration_id: str | None


class ForecastTotal(Frozen):
    """One resource over the whole horizon: the largest week of peak_accelerators, the last of storage_bytes, or a sum.

    Quantiles of a sum are not sums of quantiles: these come from the same samples as the weeks.
    """

    as_of: datetime
    week_start: date
    """Of the first week."""
    num_weeks: int = Field(gt=0)
    programme: str
    resource: ForecastResource
    p10: float
    p50: float
    p90: float
    mean: float
    calibration_id: str | None


class Forecast(Frozen):
    """Everything known about the next weeks as of one instant. A programme without rows of a resource: not known."""

    as_of: datetime
    calibration_id: str | None
    weeks: tuple[ForecastWeek, ...]
    totals: tuple[ForecastTotal, ...]
    notes: tuple[str, ...] = ()


def forecast_weeks(
    expected: Sequence[ExpectedUpdate],
    observed: Sequence[ObservedProgramme],
    *,
    as_of: datetime,
    zone: ZoneInfo,
    num_weeks: int = 12,
    seed_text: str,
    num_samples: int = 2000,
    calibration_id: str | None,
) -> Forecast:
    """Demand in the next ``num_weeks`` whole weeks by week, programme and resource.

    The same arguments give the same forecast to the last digit. Runs due between ``as_of`` and the first Monday count
    where they reach into the weeks. Raises InputError for doubled names and for more runs than can be simulated.
    """
    _check(expected, observed, num_weeks, num_samples)
    bounds = weeks_from(as_of, zone, num_weeks + 1)
    bounds_s = np.array([bound.timestamp() - as_of.timestamp() for bound in bounds])
    samples = _simulate(
        expected,
        observed,
        [
            Block(as_of, bounds_s, seed_text, number, min(BLOCK_SAMPLES, num_samples - first))
            for number, first in enumerate(range(0, num_samples, BLOCK_SAMPLES))
        ],
    )
    shared = {"as_of": as_of, "calibration_id": calibration_id}
    weeks, totals = [], []
    for programme, booked in samples.items():
        for resource in RESOURCES:
            if (amounts := booked.get(resource)) is None:
                continue
            row = {**shared, "programme": programme, "resource": resource}
            *by_week, whole = _summaries(np.column_stack([amounts, _over_horizon(resource, amounts)]))
            for bound, summary in zip(bounds[:-1], by_week, strict=True):
                weeks.append(ForecastWeek(**row, week_start=bound.date(), **summary))
            totals.append(ForecastTotal(**row, week_start=bounds[0].date(), num_weeks=num_weeks, **whole))
    return Forecast(**shared, weeks=tuple(weeks), totals=tuple(totals), notes=_notes(expected, observed))


def _simulate(
    expected: Sequence[ExpectedUpdate],
    observed: Sequence[ObservedProgramme],
    blocks_to_draw: Sequence[Block],
) -> dict[str, dict[str, Floats]]:
    """Samples x weeks by programme and resource, ``all`` first."""
    blocks: list[dict[str, dict[str, Floats]]] = []
    for block in blocks_to_draw:
        bounds_s = block.bounds_s
        occupancies = {update.name: simulate_update(update, block) for update in expected}
        occupancies |= {programme.name: simulate_observed(programme, block) for programme in observed}
        booked = {name: book_on_weeks(occupancy, bounds_s) for name, occupancy in occupancies.items()}
        blocks.append({ALL: _together(booked, occupancies, block), **booked})
    return {
        programme: {
            resource: np.concatenate([block[programme][resource] for block in blocks])
            for resource in blocks[0][programme]
        }
        for programme in blocks[0]
    }


def _together(
    booked: Mapping[str, Mapping[str, Floats]], occupancies: Mapping[str, Occupancy], block: Block
) -> dict[str, Floats]:
    """Sums over the programmes that know a resource; a resource that none knows is not known."""
    together: dict[str, Floats] = {}
    for resource in RESOURCES:
        known = [of_programme[resource] for of_programme in booked.values() if resource in of_programme]
        if resource == "peak_accelerators" and known:
            together[resource] = peak_by_week(list(occupancies.values()), block.bounds_s)
        elif known or not booked:
            together[resource] = sum(known, start=np.zeros((block.num_samples, len(block.bounds_s) - 1)))
    return together


def _over_horizon(resource: ForecastResource, amounts: Floats) -> Floats:
    if resource == "peak_accelerators":
        return np.asarray(amounts.max(axis=1))
    return amounts[:, -1] if resource == "storage_bytes" else np.asarray(amounts.sum(axis=1))


def _summaries(amounts: Floats) -> list[dict[str, float]]:
    """Of each column."""
    columns = np.vstack([np.quantile(amounts, (0.1, 0.5, 0.9), axis=0), amounts.mean(axis=0)])
    return [dict(zip(("p10", "p50", "p90", "mean"), column, strict=True)) for column in columns.T.tolist()]


def _check(
    expected: Sequence[ExpectedUpdate], observed: Sequence[ObservedProgramme], num_weeks: int, num_samples: int
) -> None:
    if num_weeks < 1 or num_samples < 1:
        raise InputError(f"a forecast of {num_weeks} weeks from {num_samples} samples: ask for at least one of each")
    names = [ALL, *(update.name for update in expected), *(programme.name for programme in observed)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(
            f"forecast: {doubled[0]!r} names two things ({ALL!r} is the sum of everything): rename the planned update"
        )
    largest = max(expected, key=num_intervals, default=None)
    if largest and sum(map(num_intervals, expected)) > MOST_INTERVALS:
        raise InputError(
            f"planned updates have more runs than can be forecast: {largest.name!r} alone has {len(largest.slots):,} "
            f"slots of {largest.runs_per_update:,} runs; check its cadence, or forecast fewer weeks"
        )
    for update in expected:
        growth = update.growth_log_per_slot.mean
        if len(update.slots) * growth > math.log(MOST_GROWTH):
            raise InputError(
                f"{update.name!r}: its dataset would grow {math.exp(growth):g}-fold {len(update.slots):,} times, "
                f"beyond {MOST_GROWTH:g}-fold: dataset_growth_ratio_per_update is a ratio per update, .02 for 2 %"
            )


def _notes(expected: Sequence[ExpectedUpdate], observed: Sequence[ObservedProgramme]) -> tuple[str, ...]:
    return tuple(_say(expected, observed))


def _say(expected: Sequence[ExpectedUpdate], observed: Sequence[ObservedProgramme]) -> Iterator[str]:
    if not expected and not observed:
        yield "nothing is planned and no run was observed lately: the forecast is zero"
    for update in expected:
        if not update.slots:
            yield f"{update.name}: no slot of its cadence falls into these weeks"
        if not update.cadence.finished_updates:
            yield (
                f"{update.name}: no past update was seen, so skipped updates, delays and failed attempts are those of "
                "the other programmes, or a broad guess"
            )
        if update.estimate.cost_usd is None:
            yield f"cost unknown for {update.name}: no price; totals leave it out"
    for programme in observed:
        yield from programme.notes
    kinds = sorted({update.accelerator for update in expected} | {k for p in observed for k in p.accelerators})
    if len(kinds) > 1:
        yield f"peak_accelerators of {ALL!r} counts accelerators of different kinds together: {', '.join(kinds)}"
