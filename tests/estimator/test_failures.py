"""Interruptions against simulation, and Daly's interval against a search."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.estimator.failures import best_interval_s, expect_interruptions, interruptions_per_s


def simulated_total_s(work_s: float, interval_s: float, writing_s: float, restart_s: float, rate: float) -> float:
    """Mean of runs played through interruption by interruption; restarting can itself be interrupted."""
    draw = random.Random(7)  # noqa: S311
    totals = []
    for _ in range(4000):
        clock, done = 0.0, 0.0
        while done < work_s - 1e-9:
            stretch = min(interval_s, work_s - done) + writing_s
            until = draw.expovariate(rate)
            if until >= stretch:
                clock += stretch
                done += stretch - writing_s
                continue
            clock += until
            while (until := draw.expovariate(rate)) < restart_s:
                clock += until
            clock += restart_s
        totals.append(clock)
    return sum(totals) / len(totals)


@pytest.mark.parametrize(
    ("work_s", "interval_s", "writing_s", "restart_s", "rate"),
    [(1000.0, 100.0, 5.0, 20.0, 1 / 300), (1000.0, 1000.0, 5.0, 20.0, 1 / 1500), (500.0, 50.0, 1.0, 0.0, 1 / 5000)],
)
def test_the_expected_loss_is_that_of_runs_played_through(
    work_s: float, interval_s: float, writing_s: float, restart_s: float, rate: float
) -> None:
    found = expect_interruptions(
        work_s=work_s, interval_s=interval_s, writing_s=writing_s, restart_s=restart_s, rate_per_s=rate
    )
    total = work_s + work_s / interval_s * writing_s + found.lost_s
    simulated = simulated_total_s(work_s, interval_s, writing_s, restart_s, rate)
    assert total == pytest.approx(simulated, rel=0.02)
    assert found.expected == pytest.approx(rate * total)


@pytest.mark.parametrize(("writing_s", "mean_between_s"), [(10.0, 3600.0), (300.0, 3600.0), (60.0, 1e6)])
def test_the_best_interval_loses_least_of_all_tried(writing_s: float, mean_between_s: float) -> None:
    def total(interval_s: float) -> float:
        found = expect_interruptions(
            work_s=1e7, interval_s=interval_s, writing_s=writing_s, restart_s=0.0, rate_per_s=1 / mean_between_s
        )
        return found.lost_s + 1e7 / interval_s * writing_s

    best = best_interval_s(writing_s, 1 / mean_between_s)
    tried = min(total(best * 1.05**k) for k in range(-60, 61))
    assert total(best) <= tried * 1.002
    assert best == pytest.approx(math.sqrt(2 * writing_s * mean_between_s), rel=0.35)


def test_rates_of_parts_add_up_and_nothing_interrupts_at_rate_zero() -> None:
    rate = interruptions_per_s(num_accelerators=16, num_nodes=2, failures_per_accelerator_hour=0.1, per_node_hour=1.0)
    assert rate == pytest.approx(3.6 / 3600)
    assert expect_interruptions(work_s=1e6, interval_s=1e6, writing_s=1, restart_s=1, rate_per_s=0.0).lost_s == 0.0
    assert best_interval_s(10.0, 0.0) == math.inf
    assert best_interval_s(100.0, 1.0) == 1.0


@given(st.floats(1, 1e7), st.floats(1, 1e7), st.floats(0, 1e4), st.floats(0, 1e5), st.floats(0, 10))
def test_more_interruptions_never_lose_less_and_the_loss_stays_finite(
    work_s: float, interval_s: float, writing_s: float, restart_s: float, rate: float
) -> None:
    lost = [
        expect_interruptions(
            work_s=work_s, interval_s=interval_s, writing_s=writing_s, restart_s=restart_s, rate_per_s=r
        ).lost_s
        for r in (rate / 2, rate)
    ]
    assert 0.0 <= lost[0] <= lost[1] * (1 + 1e-6) + 1e-6 * work_s
    assert math.isfinite(lost[1])
