"""Does the band hold what it says? Histories of known make, forecast as of a day, compared with what came."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from planner.calibration.cadence import learn_cadences
from planner.calibration.posteriors import Normal
from planner.calibration.seen_updates import SeenUpdates
from planner.domain.estimate import Estimate, Quantiles
from planner.forecast.demand import ExpectedUpdate
from planner.forecast.weekly import ForecastTotal, ForecastWeek, forecast_weeks

FIRST_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
ACCELERATORS = 64
HORIZON = 13
OWN_LOG_SD = 0.35
GROWTH_PER_WEEK = 0.004


@dataclass(frozen=True)
class Happened:
    planned_week: int
    week: int
    hours: tuple[float, ...]


def history_of(rng: np.random.Generator, num_weeks: int) -> tuple[int, list[Happened]]:
    """Period in weeks and updates: one run, sometimes two, sometimes a week late, slowly growing."""
    period = int(rng.choice([1, 2, 4, 13], p=[0.25, 0.25, 0.35, 0.15]))
    typical_hours = rng.lognormal(np.log(60.0), 1.0)
    updates = []
    for week in range(int(rng.integers(period)), num_weeks, period):
        num_runs = 1 + int(rng.random() < 0.12)
        scale = typical_hours * (1 + GROWTH_PER_WEEK * week)
        hours = tuple(float(h) for h in scale * rng.lognormal(0.0, OWN_LOG_SD, num_runs))
        updates.append(Happened(week, week + int(rng.random() < 0.1), hours))
    return period, updates


def expected_update(
    name: str, period: int, updates: list[Happened], origin: int, make_estimate: Callable[..., Estimate]
) -> ExpectedUpdate:
    """What a planner can know at the origin: the plan, and the runs before it."""
    past = [update for update in updates if update.week < origin]
    due = [update for update in updates if update.planned_week < origin]
    logs = np.log([h / (1 + GROWTH_PER_WEEK * update.planned_week) for update in past for h in update.hours])
    slots = [update.planned_week for update in updates if origin <= update.planned_week < origin + HORIZON]
    now = 1 + GROWTH_PER_WEEK * (slots[0] if slots else origin)
    seen = SeenUpdates(
        name=name,
        weeks_observed=float(origin),
        planned_updates=len(due),
        skipped_updates=max(len(due) - len(past), 0),
        finished_updates=len(past),
        attempts=len(logs),
        failed_attempts=len(logs) - len(past),
        slips_s=tuple((update.week - update.planned_week) * 604_800.0 for update in past),
        slot_s=period * 604_800.0,
    )
    (cadence,) = learn_cadences([seen])
    hours = float(np.exp(logs.mean())) * now / ACCELERATORS
    duration = Quantiles.lognormal(hours * 3600, OWN_LOG_SD * np.sqrt(1 + 1 / len(logs)))
    return ExpectedUpdate(
        name=name,
        slots=tuple(FIRST_MONDAY + timedelta(weeks=week) for week in slots),
        cadence=cadence,
        estimate=make_estimate(duration_s=duration, num_accelerators=ACCELERATORS, own_runs=len(logs)),
        growth_log_per_slot=Normal(mean=float(np.log1p(GROWTH_PER_WEEK * period / now)), sd=0.0),
    )


def test_four_in_five_weeks_fall_into_the_band_of_four_in_five(make_estimate: Callable[..., Estimate]) -> None:
    weeks_inside: list[bool] = []
    totals_inside: list[bool] = []
    bias = []
    for team in range(8):
        rng = np.random.default_rng(team)
        programmes = [history_of(rng, 100) for _ in range(20)]
        for origin in (52, 78):
            expected = [
                expected_update(f"p{number}", period, updates, origin, make_estimate)
                for number, (period, updates) in enumerate(programmes)
            ]
            came = np.zeros(HORIZON)
            for _, updates in programmes:
                for update in updates:
                    if origin <= update.week < origin + HORIZON:
                        came[update.week - origin] += sum(update.hours)
            found = forecast_weeks(
                expected,
                [],
                as_of=FIRST_MONDAY + timedelta(weeks=origin),
                zone=ZoneInfo("UTC"),
                num_weeks=HORIZON,
                seed_text=f"team {team}",
                num_samples=250,
                calibration_id=None,
            )
            rows = [row for row in found.weeks if (row.programme, row.resource) == ("all", "accelerator_hours")]
            (whole,) = [row for row in found.totals if (row.programme, row.resource) == ("all", "accelerator_hours")]
            weeks_inside.extend(is_inside(row, hours) for row, hours in zip(rows, came, strict=True))
            totals_inside.append(is_inside(whole, float(came.sum())))
            bias.append(whole.mean / came.sum())
    assert np.mean(weeks_inside) == pytest.approx(0.8, abs=0.1)
    assert np.mean(bias) == pytest.approx(1.0, abs=0.1)
    assert np.mean(totals_inside) >= 0.7


def is_inside(row: ForecastWeek | ForecastTotal, hours: float) -> bool:
    return row.p10 <= hours <= row.p90
