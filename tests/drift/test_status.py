import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calibration.residuals import Residual
from planner.domain.estimate import Resource
from planner.drift.decision import DriftDecision
from planner.drift.report import DriftStatus
from planner.drift.status import Earlier, track

START = datetime(2026, 1, 5, tzinfo=UTC)
LATER = START + timedelta(days=999)


def history(
    num_runs: int,
    *,
    seed: int = 0,
    shift: float = 0.0,
    shift_at: int = 0,
    accelerator: str = "a100",
    noise: float = 0.1,
) -> list[Residual]:
    """One run a day in two experiments of one (accelerator, method); their ratio shifts at one run and stays."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(num_runs):
        experiment = f"{accelerator}-{'xy'[number % 2]}"
        ratio = (0.4, 0.1)[number % 2] + rng.normal(0, noise) + (shift if number >= shift_at else 0.0)
        names = (f"accelerator={accelerator}", "method=lora", "model=m", f"experiment={experiment}")
        found.append(
            Residual(
                run_id=f"{accelerator}-{number:04d}",
                experiment=experiment,
                resource="duration_s",
                ended_at=START + timedelta(days=number),
                groups=("all", *(", ".join(names[: depth + 1]) for depth in range(4))),
                actual=100 * math.exp(ratio),
                estimate_p10=70,
                estimate_p50=100,
                estimate_p90=140,
                log_ratio=ratio,
            )
        )
    return found


def status(residuals: list[Residual], group: str, as_of: datetime = LATER) -> DriftStatus:
    (found,) = (s for s in track(residuals, as_of).statuses if s.group == group)
    return found


A100 = "accelerator=a100, method=lora"


@pytest.mark.parametrize(("shift", "direction"), [(0.25, "above"), (-0.25, "below")])
def test_a_lasting_shift_is_found_dated_and_measured(shift: float, direction: str) -> None:
    found = status(history(90, shift=shift, shift_at=60), A100)
    assert found.state == "drifting"
    assert found.direction == direction
    assert found.since is not None
    assert abs((found.since - START).days - 60) <= 4
    assert found.factor == pytest.approx(math.exp(shift), rel=0.08)
    assert found.recent_log_bias - found.baseline_log_bias == pytest.approx(math.log(found.factor or 0))


def test_only_the_accelerator_that_shifted_drifts() -> None:
    residuals = [*history(90, shift=0.3, shift_at=60), *history(90, seed=1, accelerator="h100")]
    report = track(residuals, LATER)
    assert report.drift_detected
    assert all(s.group.count("a100") for s in report.statuses if s.state == "drifting")


def test_experiments_are_watched_beside_accelerators() -> None:
    groups = [s.group for s in track(history(40), LATER).statuses]
    assert groups == [A100, "experiment=a100-x", "experiment=a100-y"]


def test_histories_in_control_seldom_raise_an_alarm() -> None:
    alarms = sum(track(history(60, seed=seed), LATER).statuses[0].state == "drifting" for seed in range(200))
    assert alarms <= 14


def test_a_new_mix_of_experiments_is_no_drift() -> None:
    both = history(200)
    mixed = [*both[:60], *(r for r in both[60:] if r.experiment == "a100-x")]
    assert status(mixed, A100).state == "ok"


def test_fewer_than_eight_runs_are_too_few() -> None:
    found = status(history(7, shift=3.0, shift_at=5), A100)
    assert found.state == "too_few_runs"
    assert found.since is None


def test_what_ended_later_is_not_seen() -> None:
    residuals = history(90, shift=0.4, shift_at=60)
    assert not track(residuals, START + timedelta(days=60)).drift_detected
    assert track(residuals, START + timedelta(days=90)).drift_detected


def test_a_history_without_any_variance_is_in_control() -> None:
    assert {s.state for s in track(history(40, noise=0.0), LATER).statuses} == {"ok"}


def test_one_run_1024_times_off_is_no_drift() -> None:
    residuals = history(90, seed=3)
    residuals[70] = residuals[70].model_copy(update={"log_ratio": math.log(1024)})
    assert not track(residuals, LATER).drift_detected


def test_a_drift_has_a_picture_with_its_alarm_and_a_size_with_its_range() -> None:
    report = track(history(90, shift=0.3, shift_at=60), LATER)
    (found,) = (s for s in report.statuses if s.group == A100)
    points = [point for point in report.points if point.drift_id == found.drift_id]
    assert found.factor_p10 is not None
    assert found.factor_p90 is not None
    assert found.factor is not None
    assert found.factor_p10 < found.factor < found.factor_p90
    alarmed = next(point for point in points if point.run_id == found.alarm_run_id)
    assert alarmed.statistic_share > 1
    assert points[-1].ewma_ratio == pytest.approx(math.exp(0.3), rel=0.12)
    assert points[0].ewma_ratio < points[0].band_ratio


def test_the_range_of_a_size_holds_the_true_one_in_most_histories() -> None:
    held = 0
    for seed in range(20):
        found = status(history(90, seed=seed, shift=0.3, shift_at=60), A100)
        held += (found.factor_p10 or 9) < math.exp(0.3) < (found.factor_p90 or 0)
    assert held >= 12


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def decision(drift_id: str | None, action: str, at: datetime) -> DriftDecision:
    return DriftDecision.model_validate(
        {"decision_id": f"{action}-{at}", "decided_at": at, "drift_id": drift_id, "action": action, "note": "seen"}
    )


def follow(residuals: list[Residual], days: Sequence[int], *decisions: DriftDecision) -> list[DriftStatus]:
    """The state of the accelerator on each day, every report knowing the ones before."""
    past: list[DriftStatus] = []
    found: list[DriftStatus] = []
    for number in days:
        report = track(residuals, day(number), Earlier(statuses=past, decisions=decisions))
        past += report.statuses
        found += [s for s in report.statuses if s.group == A100]
    return found


def test_a_drift_keeps_its_name_while_it_lasts_whatever_comes_later() -> None:
    residuals = [*history(140, shift=0.3, shift_at=60), *history(140, seed=5, accelerator="h100", noise=0.5)]
    found = follow(residuals, range(77, 140, 7))
    assert {s.stage for s in found} == {"open"}
    assert len({s.drift_id for s in found}) == 1


def test_an_acknowledged_drift_stays_so_until_it_ends() -> None:
    residuals = history(140, shift=0.3, shift_at=60)
    first, *_ = follow(residuals, [80])
    found = follow(residuals, [80, 90, 110], decision(first.drift_id, "acknowledge", day(85)))
    assert [s.stage for s in found] == ["open", "acknowledged", "acknowledged"]
    assert found[-1].note == "seen"
    assert found[-1].state == "drifting"


def test_a_drift_closed_by_hand_opens_again_only_for_a_new_change() -> None:
    residuals = history(260, shift=0.3, shift_at=60)
    moved_again = [
        r.model_copy(update={"log_ratio": r.log_ratio + (0.3 if n >= 160 else 0)}) for n, r in enumerate(residuals)
    ]
    first, *_ = follow(residuals, [80])
    closing = decision(first.drift_id, "close", day(85))
    quiet = follow(residuals, [80, 90, 140], closing)
    assert [s.stage for s in quiet] == ["open", "closed", "closed"]
    assert quiet[-1].closed_because == "by hand"
    assert quiet[-1].closed_at == day(85)
    again = follow(moved_again, [80, 90, 140, 200], closing)
    assert again[-1].stage == "open"
    assert again[-1].drift_id != first.drift_id
    assert again[-1].since is not None
    assert abs((again[-1].since - day(160)).days) <= 4


def test_a_shift_that_went_away_closes_as_recovered() -> None:
    shifted = history(160, shift=0.3, shift_at=60)
    back = [r.model_copy(update={"log_ratio": r.log_ratio - (0.3 if n >= 90 else 0)}) for n, r in enumerate(shifted)]
    found = follow(back, [80, 88, 120])
    assert [s.stage for s in found] == ["open", "open", "closed"]
    assert found[-1].closed_because == "recovered"
    assert found[-1].state == "ok"


def test_a_drift_closes_once_predictions_have_learnt_the_new_level() -> None:
    residuals = history(140, shift=0.3, shift_at=60)
    learnt: dict[tuple[str, Resource], float] = {
        (r.run_id, r.resource): (0.3 if 60 <= n < 90 else 0.0) for n, r in enumerate(residuals)
    }
    states = {
        number: next(
            s for s in track(residuals, day(number), Earlier(prediction_errors=learnt)).statuses if s.group == A100
        )
        for number in (88, 120)
    }
    assert states[88].stage == "open"
    assert states[120].stage == "closed"
    assert states[120].closed_because == "recalibrated"


def test_an_alarm_that_was_published_stays_though_the_limit_has_risen_since() -> None:
    residuals = history(90, seed=1)
    quiet = status(residuals, A100)
    assert quiet.stage is None
    rung = quiet.model_copy(
        update={
            "as_of": day(85),
            "drift_id": "abcd0123",
            "direction": "above",
            "alarm_run_id": "a100-0080",
            "stage": "open",
        }
    )
    (found,) = (s for s in track(residuals, day(85), Earlier(statuses=[rung])).statuses if s.group == A100)
    assert found.drift_id is None
    (found,) = (s for s in track(residuals, day(86), Earlier(statuses=[rung])).statuses if s.group == A100)
    assert found.drift_id == "abcd0123"
    assert found.alarm_at == day(80)


def test_the_order_of_arrival_leaves_no_trace() -> None:
    residuals = history(60)
    assert track(residuals, LATER) == track(residuals[::-1], LATER)


def test_no_residuals_give_an_empty_report() -> None:
    report = track([], LATER)
    assert report.statuses == ()
    assert not report.drift_detected
