import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.calibration.seen_updates import SeenUpdates, see_updates
from planner.catalog.load import load_catalog
from planner.domain.programme import PlannedUpdate
from planner.domain.run_config import Dataset, RunConfig
from planner.domain.training_run import Actual, RunStatus, TrainingRun

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 2, 6, tzinfo=BERLIN)
"""The first slot; the clocks change on 29 March."""


SMALL = load_catalog().models["llama-3.2-1b"]


def seen(runs: list[TrainingRun], week: float, **plan: object) -> SeenUpdates:
    return see_updates(weekly(**plan), "support-bot", runs, at_week(week), BERLIN)


def weekly(**fields: object) -> PlannedUpdate:
    return PlannedUpdate.model_validate({"name": "support-bot", "run": {}, "cadence": "0 6 * * MON", **fields})


def run(
    week: float,
    status: RunStatus = "FINISHED",
    *,
    late_s: float = 0.0,
    hours: float = 2.0,
    seq_len: int = 512,
    rows: int | None = None,
    tokens: float | None = None,
) -> TrainingRun:
    started = (MONDAY + timedelta(weeks=week)).astimezone(UTC) + timedelta(seconds=late_s)
    return TrainingRun(
        run_id=f"{week}-{status}-{late_s}-{seq_len}",
        source="store",
        experiment="support-bot",
        name="r",
        status=status,
        started_at=started,
        ended_at=None if status == "RUNNING" else started + timedelta(hours=hours),
        dialect="unknown",
        config=RunConfig.model_validate(
            {"model": SMALL, "seq_len": seq_len, "dataset": Dataset(rows=rows) if rows else None}
        ),
        actual=Actual(tokens=tokens),
        origins={},
    )


def at_week(week: float) -> datetime:
    return MONDAY + timedelta(weeks=week)


def test_a_plan_that_is_kept_has_no_skipped_and_no_extra_update() -> None:
    found = seen([run(w, late_s=60) for w in range(10)], 9.9)
    assert (found.planned_updates, found.finished_updates, found.attempts) == (10, 10, 10)
    assert (found.skipped_updates, found.extra_updates, found.failed_attempts) == (0, 0, 0)
    assert found.weeks_observed == pytest.approx(9.9, abs=0.02)
    assert found.slips_s == (60.0,) * 10


def test_slots_without_an_update_are_skipped_and_second_updates_are_extra() -> None:
    runs = [*(run(w) for w in (0, 2, 3, 5)), run(3.5), run(5.2), run(5.6)]
    found = seen(runs, 5.9)
    assert (found.planned_updates, found.skipped_updates, found.extra_updates) == (6, 2, 3)


def test_slots_follow_the_clock_of_the_time_zone_across_summer_time() -> None:
    assert set(seen([run(w, late_s=600) for w in range(8)], 7.6).slips_s) == {600.0}


def test_a_retried_update_is_one_update_that_starts_with_its_first_attempt() -> None:
    found = seen([run(0, "FAILED", late_s=60), run(0, late_s=90_000), run(1, late_s=120)], 1.9)
    assert (found.finished_updates, found.attempts, found.failed_attempts) == (2, 3, 1)
    assert found.slips_s == (60.0, 120.0)
    assert found.extra_updates == 0


def test_an_attempt_at_something_else_is_no_part_of_the_update_but_counts_as_a_failed_one() -> None:
    found = seen([run(0, "FAILED", late_s=60, seq_len=2048), run(0, late_s=600)], 0.9)
    assert found.slips_s == (600.0,)
    assert (found.finished_updates, found.failed_attempts) == (1, 1)


@settings(deadline=None)
@given(st.integers(1, 11), st.floats(0, 0.99))
def test_nothing_that_happened_after_as_of_is_seen(weeks: int, share: float) -> None:
    runs = [run(w, "FAILED" if w % 4 == 3 else "FINISHED", rows=1000 + w, hours=30) for w in range(12)]
    earlier = [one for one in runs if one.started_at and one.started_at < at_week(weeks + share)]
    changed = [
        one if one.ended_at and one.ended_at < at_week(weeks + share) else one.model_copy(update={"status": "KILLED"})
        for one in earlier
    ]
    assert seen(changed, weeks + share) == seen(runs, weeks + share)


@settings(deadline=None)
@given(st.permutations([run(w, "FAILED" if w % 3 else "FINISHED", late_s=60 * w) for w in range(8)]))
def test_the_order_of_the_runs_changes_nothing(runs: list[TrainingRun]) -> None:
    assert seen(runs, 8.9) == seen(sorted(runs, key=lambda one: one.run_id), 8.9)


def test_the_newest_slot_waits_for_a_run_that_is_under_way_and_for_half_its_time() -> None:
    going = seen([*(run(w) for w in range(5)), run(5, hours=48)], 5 + 10 / 168)
    assert (going.planned_updates, going.skipped_updates, going.attempts) == (5, 0, 5)
    late = [run(w) for w in range(5)]
    assert (seen(late, 5.4).planned_updates, seen(late, 5.4).skipped_updates) == (5, 0)
    assert (seen(late, 5.6).planned_updates, seen(late, 5.6).skipped_updates) == (6, 1)


def test_an_early_start_is_no_slip_of_a_whole_week() -> None:
    found = seen([run(w, late_s=-1800) for w in range(6)], 5.6)
    assert found.planned_updates == 6
    assert set(found.slips_s) == {0.0}


def test_several_runs_make_one_update_and_none_is_lost_where_some_are_missing() -> None:
    found = seen([run(w, late_s=60 * k) for w in range(6) for k in range(3)], 5.9, runs_per_update=3)
    assert (found.finished_updates, found.skipped_updates, found.extra_updates) == (6, 0, 0)
    quarter = seen([run(w) for w in range(8)], 7.9, runs_per_update=4)
    assert (quarter.planned_updates, quarter.skipped_updates) == (8, 6)


def test_without_a_plan_updates_are_counted_and_nothing_is_planned() -> None:
    found = see_updates(None, "tenant", [run(w) for w in range(4)], at_week(8), BERLIN)
    assert (found.planned_updates, found.finished_updates, found.slips_s, found.slot_s) == (None, 4, (), None)


def test_no_run_at_all_is_nothing_seen() -> None:
    assert seen([], 3) == SeenUpdates(name="support-bot", planned_updates=0, slot_s=7 * 86_400.0)


def test_the_size_of_the_data_is_what_most_runs_tell() -> None:
    found = seen([run(w, rows=100, tokens=7.0 if w else None) for w in range(3)], 3)
    assert [math.exp(size) for _, size in found.log_sizes] == pytest.approx([100] * 3)
    assert [weeks for weeks, _ in found.log_sizes] == pytest.approx([0, 1, 2])
