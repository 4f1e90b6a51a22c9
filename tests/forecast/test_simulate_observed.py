from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from planner.forecast.block import Block
from planner.forecast.demand import ObservedProgramme, ObservedRun
from planner.forecast.occupancy import book_on_weeks
from planner.forecast.simulate_observed import simulate_observed

WEEK_S = 604_800.0
BLOCK = Block(datetime(2026, 1, 5, tzinfo=UTC), np.arange(5, dtype=np.float64) * WEEK_S, "test", 0, 4000)


def programme(*runs: ObservedRun, per_week: float = 5.0, weeks: float = 1e9, **fields: Any) -> ObservedProgramme:
    return ObservedProgramme(
        name="x", runs_per_week_shape=per_week * weeks, runs_per_week_rate=weeks, runs=runs, **fields
    )


HOUR = ObservedRun(duration_s=3600.0, num_accelerators=2, cost_usd=4.0, stored_bytes=10.0, network_bytes=3.0)


def test_a_known_rate_gives_poisson_counts() -> None:
    runs = book_on_weeks(simulate_observed(programme(HOUR), BLOCK), BLOCK.bounds_s)["runs"]
    assert runs.mean() == pytest.approx(5, rel=0.02)
    assert runs.var() == pytest.approx(5, rel=0.05)


def test_bursts_widen_weekly_counts() -> None:
    """Negative binomial: variance m + m^2 x dispersion."""
    bursty = simulate_observed(programme(HOUR, weekly_dispersion=1.0), BLOCK)
    runs = book_on_weeks(bursty, BLOCK.bounds_s)["runs"]
    assert runs.mean() == pytest.approx(5, rel=0.03)
    assert runs.var() == pytest.approx(30, rel=0.1)


def test_an_unsure_rate_widens_totals() -> None:
    """Gamma-Poisson over T weeks after W weeks with n runs: variance m x T x (1 + T / W)."""
    total = simulate_observed(programme(HOUR, weeks=4.0), BLOCK).runs.sum(axis=1)
    assert total.var() == pytest.approx(5 * 4 * (1 + 4 / 4), rel=0.08)


def test_runs_take_what_past_runs_took() -> None:
    booked = book_on_weeks(simulate_observed(programme(HOUR), BLOCK), BLOCK.bounds_s)
    total = {resource: amounts.sum() for resource, amounts in booked.items() if resource != "storage_bytes"}
    assert total["accelerator_hours"] == pytest.approx(2 * total["runs"], rel=0.01)
    assert total["cost_usd"] == pytest.approx(4 * total["runs"], rel=0.01)
    assert total["network_bytes"] == pytest.approx(3 * total["runs"], rel=0.01)
    assert booked["storage_bytes"][:, -1].mean() == pytest.approx(10 * 20, rel=0.02)


def test_rows_are_drawn_whole() -> None:
    long = ObservedRun(duration_s=7200.0, num_accelerators=8, cost_usd=100.0)
    drawn = simulate_observed(programme(HOUR, long), BLOCK)
    assert drawn.accelerators is not None
    assert drawn.cost_usd is not None
    is_long = (drawn.end_s - drawn.start_s > 5000) & (drawn.runs > 0)
    assert set(drawn.accelerators[is_long]) == {8.0}
    assert set(drawn.cost_usd[is_long]) == {100.0}


def test_few_past_runs_leave_the_mean_unsure() -> None:
    """Bayesian bootstrap: the mean of n values has the variance of the values over n + 1."""
    runs = [ObservedRun(duration_s=float(s)) for s in (1000, 2000, 4000)]
    drawn = simulate_observed(programme(*runs, per_week=200.0), BLOCK)
    means = ((drawn.end_s - drawn.start_s) * drawn.runs).sum(axis=1) / drawn.runs.sum(axis=1)
    variance = np.var([1000, 2000, 4000])
    assert means.std() == pytest.approx(np.sqrt(variance / 4 + variance * 3 / 4 / 800), rel=0.05)


def test_what_no_run_tells_is_unknown_and_what_some_tell_is_taken_from_them() -> None:
    drawn = simulate_observed(
        programme(ObservedRun(duration_s=60.0), ObservedRun(duration_s=60.0, cost_usd=5.0)), BLOCK
    )
    assert drawn.accelerators is None
    assert drawn.network_bytes is None
    assert drawn.stored_bytes is None
    assert drawn.cost_usd is not None
    assert set(drawn.cost_usd[drawn.runs > 0]) == {5.0}


def test_very_many_runs_are_bundled_without_loss() -> None:
    drawn = simulate_observed(programme(HOUR, per_week=10_000.0), replace(BLOCK, num_samples=500))
    assert drawn.runs.shape[1] < 2500
    assert drawn.runs.sum(axis=1).mean() == pytest.approx(40_000, rel=0.01)


def test_a_rate_near_zero_gives_nothing() -> None:
    assert simulate_observed(programme(HOUR, per_week=1e-12), BLOCK).runs.sum() == 0
