import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from planner.calibration.cadence import Cadence
from planner.domain.estimate import Estimate
from planner.domain.programme import PlannedUpdate
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, TrainingRun
from planner.forecast.demand import ExpectedUpdate, ObservedProgramme, ObservedRun, observe_programme

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def run(days_ago: float, *, status: Any = "FINISHED", hours: float = 1.0, **actual: float) -> TrainingRun:
    ended = AS_OF - timedelta(days=days_ago)
    return TrainingRun(
        run_id=f"{days_ago}",
        source="s",
        experiment="x",
        name="r",
        status=status,
        started_at=ended - timedelta(hours=hours),
        ended_at=ended,
        dialect="unknown",
        config=RunConfig(),
        actual=Actual(**actual),
        origins={},
    )


def observe(*runs: TrainingRun) -> ObservedProgramme:
    found = observe_programme("x", runs, AS_OF)
    assert found is not None
    return found


def test_the_rate_is_runs_over_the_weeks_seen() -> None:
    """One run a week for twelve weeks: Jeffreys' posterior Gamma(12.5, 12)."""
    found = observe(*(run(7 * week + 3) for week in range(12)), run(200))
    assert (found.runs_per_week_shape, found.runs_per_week_rate) == (12.5, 12.0)
    assert found.weekly_dispersion == 0
    assert len(found.runs) == 12


def test_weeks_before_the_first_run_are_not_idle_weeks() -> None:
    found = observe(run(1), run(13, hours=24.0))
    assert found.runs_per_week_rate == pytest.approx(2.0)


def test_bursts_widen_the_posterior_and_keep_its_mean() -> None:
    found = observe(*(run(1 + i / 100) for i in range(24)), run(200))
    assert found.weekly_dispersion == pytest.approx((576 / 12 - 2) / 4)
    widening = 1 + 11.5 * 2
    assert found.runs_per_week_shape == pytest.approx(24.5 / widening)
    assert found.runs_per_week_rate == pytest.approx(12 / widening)


def test_the_future_is_not_seen() -> None:
    assert observe_programme("x", [run(-0.01)], AS_OF) is None
    assert len(observe(run(-1), run(1)).runs) == 1


def test_failed_runs_count_and_running_ones_do_not() -> None:
    found = observe(run(1, status="FAILED"), run(2, status="KILLED"), run(3, status="RUNNING"), run(4))
    assert len(found.runs) == 3


def test_an_experiment_that_is_over_is_not_expected() -> None:
    assert observe_programme("x", [run(85)], AS_OF) is None
    assert observe_programme("x", [], AS_OF) is None


def test_duration_falls_back_to_the_clock() -> None:
    assert observe(run(1, hours=2.0)).runs[0].duration_s == 7200
    assert observe(run(1, hours=2.0, duration_s=100.0)).runs[0].duration_s == 100


def test_the_order_of_runs_does_not_matter() -> None:
    runs = [run(day, duration_s=float(day)) for day in range(1, 9)]
    assert observe(*runs) == observe(*reversed(runs))


def test_notes_say_what_runs_do_not_tell() -> None:
    known = {"num_accelerators": 1, "network_bytes": 1.0, "stored_bytes": 1.0}
    some = ObservedProgramme(
        name="x",
        runs_per_week_shape=1,
        runs_per_week_rate=1,
        runs=(ObservedRun(duration_s=1, cost_usd=1, **known), ObservedRun(duration_s=1, **known)),
    )
    assert some.notes == ("cost of 1 of 2 runs of x unknown: taken as the others' median",)
    none = some.model_copy(update={"runs": some.runs[1:]})
    assert none.notes == ("cost unknown for x: totals leave it out",)


def test_hours_are_durations_times_accelerators() -> None:
    assert ObservedRun(duration_s=1800, num_accelerators=8).accelerator_hours == 4
    assert ObservedRun(duration_s=1800).accelerator_hours is None


@pytest.mark.parametrize(("planned", "seen", "used"), [(0.02, 0.5, 0.02), (0.0, -0.1, -0.1), (0.0, 0.0, 0.0)])
def test_a_planned_growth_goes_before_the_one_seen(
    planned: float,
    seen: float,
    used: float,
    make_estimate: Callable[..., Estimate],
    make_cadence: Callable[..., Cadence],
) -> None:
    update = PlannedUpdate(
        name="x", run=RunConfig(max_steps=5), cadence="0 6 * * MON", dataset_growth_ratio_per_update=planned
    )
    expected = ExpectedUpdate.of(update, [AS_OF], make_cadence(growth=seen), make_estimate())
    assert math.expm1(expected.growth_log_per_slot.mean) == pytest.approx(used)
    assert not expected.length_follows_dataset
    assert expected.accelerator == "h100-sxm-80gb"


def test_slots_must_rise(make_estimate: Callable[..., Estimate], make_cadence: Callable[..., Cadence]) -> None:
    with pytest.raises(ValidationError, match="not in order"):
        ExpectedUpdate(
            name="x", slots=(AS_OF, AS_OF - timedelta(days=1)), cadence=make_cadence(), estimate=make_estimate()
        )
