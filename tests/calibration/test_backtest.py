import math
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calibration.backtest import Prediction, leave_one_out, rolling_origin, score
from planner.calibration.fit import fit
from planner.calibration.intervals import calibrated
from planner.calibration.residuals import Residual
from planner.domain.estimate import Quantiles, Resource

START = datetime(2026, 1, 5, tzinfo=UTC)


def history(num_runs: int, *, bias: float = 0.4, resource: Resource = "duration_s") -> list[Residual]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(num_runs):
        accelerator = ("a100", "h100")[number % 2]
        ratio = bias + (0.2 if accelerator == "h100" else -0.2) + rng.normal(0, 0.1)
        p50 = float(rng.uniform(50, 5000))
        found.append(
            Residual(
                run_id=f"run-{number:05d}",
                experiment="e",
                resource=resource,
                ended_at=START + timedelta(hours=number),
                groups=("all", f"accelerator={accelerator}"),
                actual=p50 * math.exp(ratio),
                estimate_p10=p50 / 1.5,
                estimate_p50=p50,
                estimate_p90=p50 * 1.5,
                log_ratio=ratio,
            )
        )
    return found


def test_rolling_origin_agrees_with_a_calibration_made_by_hand_before_each_run() -> None:
    residuals = history(30)
    for row, prediction in zip(residuals, rolling_origin(residuals), strict=True):
        before = fit(residuals, as_of=row.ended_at, prior="p")
        by_name = {group.group: group for group in before.groups}
        group = by_name.get(row.groups[1]) or by_name.get("all")
        physics = Quantiles(p10=row.estimate_p10, p50=row.estimate_p50, p90=row.estimate_p90)
        expected = calibrated(physics, group) if group else physics
        assert (prediction.p10, prediction.p50, prediction.p90) == pytest.approx(
            (expected.p10, expected.p50, expected.p90)
        )
        assert prediction.num_runs_before == (group.num_runs if group else 0)


def test_a_prediction_knows_nothing_of_its_own_or_of_later_runs() -> None:
    residuals = history(40)
    changed = [r if n < 20 else r.model_copy(update={"log_ratio": 3.0}) for n, r in enumerate(residuals)]
    before, after = rolling_origin(residuals), rolling_origin(changed)
    assert [p.p50 for p in before[:21]] == [p.p50 for p in after[:21]]
    assert before[22].p50 != after[22].p50


def test_runs_that_ended_at_the_same_moment_do_not_see_each_other() -> None:
    residuals = [r.model_copy(update={"ended_at": START}) for r in history(10)]
    assert {p.num_runs_before for p in rolling_origin(residuals)} == {0}


def test_the_first_run_is_predicted_by_the_physics_alone() -> None:
    residuals = history(5)
    first = rolling_origin(residuals)[0]
    assert (first.p10, first.p50, first.p90) == pytest.approx(
        (residuals[0].estimate_p10, residuals[0].estimate_p50, residuals[0].estimate_p90)
    )


def test_few_refits_give_nearly_the_figures_of_many() -> None:
    residuals = history(600)
    (many,), (few,) = (score(rolling_origin(residuals, max_refits=n)) for n in (600, 60))
    assert few.median_ape == pytest.approx(many.median_ape, abs=0.01)


def test_learning_halves_the_error_and_the_intervals_are_honest() -> None:
    (found,) = score(rolling_origin(history(1500))[500:])
    assert found.prior_median_ape > 0.25
    assert found.median_ape < 0.08
    assert 0.77 <= found.coverage_80 <= 0.83
    assert abs(found.log_bias) < 0.02


def test_leaving_a_run_out_agrees_with_a_calibration_of_the_others() -> None:
    residuals = history(25)
    for row, prediction in zip(residuals, leave_one_out(residuals), strict=True):
        others = fit([r for r in residuals if r is not row], as_of=START + timedelta(days=99), prior="p")
        group = next(g for g in others.groups if g.group == row.groups[1])
        assert prediction.p50 == pytest.approx(row.estimate_p50 * math.exp(group.log_bias))


def test_no_residuals_give_no_predictions_and_no_scores() -> None:
    assert rolling_origin([]) == ()
    assert leave_one_out([]) == ()
    assert score([]) == ()


def prediction(actual: float, *, p10: float, p50: float, p90: float, prior: float) -> Prediction:
    return Prediction(
        run_id="r",
        resource="duration_s",
        ended_at=START,
        actual=actual,
        prior_p50=prior,
        p10=p10,
        p50=p50,
        p90=p90,
        num_runs_before=3,
        within=p10 <= actual <= p90,
    )


def test_scores_agree_with_figures_worked_by_hand() -> None:
    found = score(
        [
            prediction(100, p10=80, p50=110, p90=150, prior=200),  # every actual on the cheap side of p50 and p90
            prediction(100, p10=120, p50=150, p90=160, prior=50),  # below p10
            prediction(100, p10=40, p50=60, p90=90, prior=90),  # above p90
        ]
    )
    assert len(found) == 1
    assert found[0].n == 3
    assert found[0].prior_median_ape == pytest.approx(0.5)
    assert found[0].median_ape == pytest.approx(0.4)
    assert found[0].coverage_80 == pytest.approx(1 / 3)
    assert found[0].pinball_p10 == pytest.approx((0.1 * 0.2 + 0.9 * 0.2 + 0.1 * 0.6) / 3)
    assert found[0].pinball_p50 == pytest.approx((0.5 * 0.1 + 0.5 * 0.5 + 0.5 * 0.4) / 3)
    assert found[0].pinball_p90 == pytest.approx((0.1 * 0.5 + 0.1 * 0.6 + 0.9 * 0.1) / 3)
    assert found[0].log_bias == pytest.approx(math.log(100 / 110))


def test_resources_are_scored_apart() -> None:
    both = [*history(20), *history(20, resource="start_up_s", bias=1.0)]
    assert [s.resource for s in score(rolling_origin(both))] == ["duration_s", "start_up_s"]


@pytest.mark.slow
def test_ten_thousand_runs_are_replayed_in_seconds_of_cpu() -> None:
    residuals = history(10_000)
    started = time.process_time()
    rolling_origin(residuals)
    assert time.process_time() - started < 5
