import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from planner.calibration.cadence import observe_cadence
from planner.domain.programme import PlannedUpdate
from planner.domain.run_config import Dataset, RunConfig
from planner.domain.training_run import Actual, RunStatus, TrainingRun

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 2, 6, tzinfo=BERLIN)
"""The first slot; the clocks change on 29 March."""


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
        config=RunConfig(seq_len=seq_len, dataset=Dataset(rows=rows) if rows else None),
        actual=Actual(tokens=tokens),
        origins={},
    )


def at_week(week: float) -> datetime:
    return MONDAY + timedelta(weeks=week)


def test_a_plan_that_is_kept_stays_at_one_update_per_slot() -> None:
    cadence = observe_cadence(weekly(), "support-bot", [run(w, late_s=60) for w in range(10)], at_week(9.9), BERLIN)
    assert cadence.planned_updates == cadence.finished_updates == cadence.attempts == 10
    assert cadence.updates_per_planned_ratio.mean == pytest.approx(1.0)
    assert cadence.weeks_observed == pytest.approx(9.9, abs=0.02)


def test_updates_that_are_left_out_pull_the_ratio_down_from_one() -> None:
    runs = [run(w) for w in range(20) if w % 2 == 0]
    cadence = observe_cadence(weekly(), "support-bot", runs, at_week(19.9), BERLIN)
    assert cadence.planned_updates == 20
    assert (cadence.updates_per_planned_ratio.shape, cadence.updates_per_planned_ratio.rate) == (4 + 10, 4 + 20)


def test_slots_follow_the_clock_of_the_time_zone_across_summer_time() -> None:
    cadence = observe_cadence(weekly(), "support-bot", [run(w, late_s=600) for w in range(8)], at_week(7.5), BERLIN)
    assert cadence.slip_s_p50 == cadence.slip_s_p90 == pytest.approx(600)


def test_a_failed_attempt_belongs_to_the_next_finished_run_and_starts_its_chain() -> None:
    runs = [run(0, "FAILED", late_s=60), run(0, late_s=90_000), run(1, late_s=60)]
    cadence = observe_cadence(weekly(), "support-bot", runs, at_week(1.9), BERLIN)
    assert (cadence.finished_updates, cadence.attempts) == (2, 3)
    assert cadence.slip_s_p90 == pytest.approx(60)


def test_another_configuration_answers_a_failure_only_within_three_days() -> None:
    for days, first_slip in ((2, 60.0), (4, 60.0 + 4 * 86_400)):
        retried = run(0, late_s=60 + days * 86_400, seq_len=1024)
        cadence = observe_cadence(weekly(), "s", [run(0, "KILLED", late_s=60), retried], at_week(0.9), BERLIN)
        assert cadence.slip_s_p50 == pytest.approx(first_slip)


def test_the_same_configuration_answers_a_failure_before_another_one_does() -> None:
    failed, other, same = run(0, "FAILED", late_s=60), run(1 / 7, late_s=600, seq_len=1024), run(2 / 7)
    cadence = observe_cadence(weekly(cadence="0 6 * * *"), "s", [failed, other, same], at_week(0.4), BERLIN)
    assert cadence.slip_s_p50 == pytest.approx((60 + 600) / 2)


def test_failures_are_counted_in_a_beta_posterior() -> None:
    runs = [run(w) for w in range(8)] + [run(w, "FAILED", late_s=-60) for w in range(1, 5)]
    cadence = observe_cadence(weekly(), "support-bot", runs, at_week(8.5), BERLIN)
    assert (cadence.failure_probability.alpha, cadence.failure_probability.beta) == (0.5 + 4, 3.5 + 8)
    a, b = 4.5, 11.5
    steps = [(i + 0.5) / 20_000 for i in range(20_000)]
    density = [p ** (a - 1) * (1 - p) ** (b - 1) for p in steps]
    numeric = sum(d / (1 - p) for d, p in zip(density, steps, strict=True)) / sum(density)
    assert cadence.attempts_per_finished_update == pytest.approx(numeric, rel=1e-3)


def test_nothing_that_happened_after_as_of_is_seen() -> None:
    runs = [run(w, rows=1000 + w) for w in range(12)]
    early = observe_cadence(weekly(), "support-bot", runs[:6], at_week(5.9), BERLIN)
    assert observe_cadence(weekly(), "support-bot", runs, at_week(5.9), BERLIN) == early


def test_a_run_that_ended_after_as_of_has_no_outcome_yet_and_its_slot_does_not_count_as_missed() -> None:
    runs = [*(run(w) for w in range(5)), run(5, hours=48)]
    cadence = observe_cadence(weekly(), "support-bot", runs, at_week(5) + timedelta(hours=10), BERLIN)
    assert (cadence.planned_updates, cadence.finished_updates, cadence.attempts) == (5, 5, 5)


def test_an_early_start_is_no_slip_of_a_whole_week() -> None:
    runs = [run(w, late_s=-1800) for w in range(6)]
    cadence = observe_cadence(weekly(), "support-bot", runs, at_week(5.5), BERLIN)
    assert cadence.planned_updates == 6
    assert cadence.slip_s_p90 == 0


def test_several_runs_make_one_update() -> None:
    runs = [run(w, late_s=60 * k) for w in range(6) for k in range(3)]
    cadence = observe_cadence(weekly(runs_per_update=3), "support-bot", runs, at_week(5.9), BERLIN)
    assert cadence.finished_updates == cadence.planned_updates == 6
    assert cadence.slip_s_p90 == 0


def test_the_growth_of_the_data_is_found_beside_one_mistyped_dataset() -> None:
    rows = [round(10_000 * 1.02**w) for w in range(20)]
    rows[7] *= 100
    cadence = observe_cadence(weekly(), "s", [run(w, rows=rows[w]) for w in range(20)], at_week(19.9), BERLIN)
    assert cadence.dataset_growth_ratio_per_update == pytest.approx(0.02, abs=0.003)


def test_tokens_trained_on_stand_in_where_the_dataset_is_unknown() -> None:
    runs = [run(w, tokens=math.exp(0.1 * w)) for w in range(4)]
    growth = observe_cadence(weekly(), "s", runs, at_week(4), BERLIN).dataset_growth_ratio_per_update
    assert growth == pytest.approx(math.exp(0.1) - 1)
    assert observe_cadence(weekly(), "s", runs[:3], at_week(4), BERLIN).dataset_growth_ratio_per_update is None


def test_without_a_plan_updates_are_counted_and_the_ratio_keeps_its_prior() -> None:
    cadence = observe_cadence(None, "tenant (experiment)", [run(w) for w in range(4)], at_week(8), BERLIN)
    assert cadence.planned_updates is None
    assert cadence.slip_s_p50 is None
    assert cadence.finished_updates == 4
    assert cadence.finished_updates_per_week == pytest.approx(0.5, abs=0.01)
    assert cadence.updates_per_planned_ratio.mean == 1.0


def test_no_run_at_all_leaves_the_priors() -> None:
    cadence = observe_cadence(weekly(), "support-bot", [], at_week(3), BERLIN)
    assert (cadence.planned_updates, cadence.finished_updates, cadence.weeks_observed) == (0, 0, 0)
    assert cadence.finished_updates_per_week is None
    assert cadence.attempts_per_finished_update == pytest.approx(3 / 2.5)


def test_only_failures_are_no_update() -> None:
    cadence = observe_cadence(weekly(), "s", [run(w, "FAILED") for w in range(3)], at_week(2.9), BERLIN)
    assert (cadence.planned_updates, cadence.finished_updates, cadence.attempts) == (3, 0, 3)
    assert cadence.updates_per_planned_ratio.mean == pytest.approx(4 / 7)
    assert cadence.slip_s_p50 is None
