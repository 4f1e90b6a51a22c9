import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calibration.residuals import Residual
from planner.drift.status import DriftStatus, track

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
    residuals = history(90)
    residuals[70] = residuals[70].model_copy(update={"log_ratio": math.log(1024)})
    assert not track(residuals, LATER).drift_detected


def test_the_order_of_arrival_leaves_no_trace() -> None:
    residuals = history(60)
    assert track(residuals, LATER) == track(residuals[::-1], LATER)


def test_no_residuals_give_an_empty_report() -> None:
    report = track([], LATER)
    assert report.statuses == ()
    assert not report.drift_detected
