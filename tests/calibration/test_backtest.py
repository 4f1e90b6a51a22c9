import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calibration.apply import apply
from planner.calibration.backtest import Prediction, leave_one_out, rolling_origin, score, width_ratios
from planner.calibration.compare import Case
from planner.calibration.fit import fit, learn
from planner.calibration.intervals import calibrated
from planner.calibration.observed import Facts, observed
from planner.calibration.residuals import Residual
from planner.calibration.resolve import as_group, resolve
from planner.calibration.terms import terms_of
from planner.calibration.traits import Traits
from planner.domain.calibration import Calibration, GroupCalibration
from planner.domain.estimate import Quantiles, Resource
from planner.estimator.estimate_run import estimate_run
from planner.estimator.quantile_mixture import lognormal_triple
from planner.estimator.wall_time import sum_of_independent
from tests.plain_run import plain_run

START = datetime(2026, 1, 5, tzinfo=UTC)
LATER = START + timedelta(days=9999)

PHYSICS = estimate_run(plain_run(max_steps=50000))


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


def cases_of(residuals: Iterable[Residual]) -> list[Case]:
    """One case a run, whose estimate says what its residuals were told."""
    by_run: dict[str, list[Residual]] = {}
    for row in residuals:
        by_run.setdefault(row.run_id, []).append(row)
    found = []
    for rows in by_run.values():
        told: dict[str, Quantiles] = {
            r.resource: Quantiles(p10=r.estimate_p10, p50=r.estimate_p50, p90=r.estimate_p90) for r in rows
        }
        found.append(Case(PHYSICS.model_copy(update=told), tuple(rows)))
    return found


def learnt_of(calibration: Calibration, row: Residual) -> GroupCalibration | None:
    """What a calibration says of a run in these nested groups, with the terms of the physics."""
    for learnt in calibration.resources:
        if learnt.resource == row.resource:
            terms = terms_of(PHYSICS.model_copy(update=expected_of(row)), row.resource)
            return as_group(learnt, resolve(learnt, Traits(groups=row.groups), terms))
    return None


def expected_of(row: Residual) -> dict[str, Quantiles]:
    return {row.resource: Quantiles(p10=row.estimate_p10, p50=row.estimate_p50, p90=row.estimate_p90)}


def facts_of(residuals: Iterable[Residual]) -> dict[str, Facts]:
    return {case.residuals[0].run_id: Facts(case.who, case.estimate) for case in cases_of(residuals)}


def quick(residuals: Sequence[Residual], ratios: Mapping[Resource, Mapping[str, float]]) -> Calibration:
    """As the backtest learns: in one pass, with the widths that hits and misses so far demand."""
    rows = observed(residuals, facts_of(residuals))
    return fit([], as_of=LATER, prior="p").model_copy(update={"resources": learn(rows, ratios, passes=1)})


def replay(residuals: Iterable[Residual], max_refits: int = 60) -> tuple[Prediction, ...]:
    return rolling_origin(cases_of(residuals), prior="p", max_refits=max_refits)


def test_rolling_origin_agrees_with_a_calibration_made_by_hand_before_each_run() -> None:
    residuals = history(30)
    paths = {row.run_id: row.groups for row in residuals}
    seen: list[Prediction] = []
    for row, prediction in zip(residuals, replay(residuals, max_refits=30), strict=True):
        before = quick([r for r in residuals if r.ended_at < row.ended_at], width_ratios(seen, paths))
        seen.append(prediction)
        group = learnt_of(before, row)
        physics = Quantiles(p10=row.estimate_p10, p50=row.estimate_p50, p90=row.estimate_p90)
        expected = calibrated(physics, group) if group else physics
        assert (prediction.p10, prediction.p50, prediction.p90) == pytest.approx(
            (expected.p10, expected.p50, expected.p90)
        )
        assert prediction.num_runs_before == (group.num_runs if group else 0)


def test_a_prediction_knows_nothing_of_its_own_or_of_later_runs() -> None:
    residuals = history(40)
    changed = [r if n < 20 else r.model_copy(update={"log_ratio": 3.0}) for n, r in enumerate(residuals)]
    before, after = replay(residuals), replay(changed)
    assert [p.p50 for p in before[:21]] == [p.p50 for p in after[:21]]
    assert before[22].p50 != after[22].p50


def test_runs_that_ended_at_the_same_moment_do_not_see_each_other() -> None:
    residuals = [r.model_copy(update={"ended_at": START}) for r in history(10)]
    assert {p.num_runs_before for p in replay(residuals)} == {0}


def test_the_first_run_is_predicted_by_the_physics_alone() -> None:
    residuals = history(5)
    first = replay(residuals)[0]
    assert (first.p10, first.p50, first.p90) == pytest.approx(
        (residuals[0].estimate_p10, residuals[0].estimate_p50, residuals[0].estimate_p90)
    )


def test_few_refits_give_nearly_the_figures_of_many() -> None:
    residuals = history(600)
    (many,), (few,) = (score(replay(residuals, max_refits=n)) for n in (600, 60))
    assert few.median_ape == pytest.approx(many.median_ape, abs=0.01)


def test_learning_halves_the_error_and_the_intervals_are_honest() -> None:
    (found,) = score(replay(history(1500))[500:])
    assert found.prior_median_ape > 0.25
    assert found.median_ape < 0.08
    assert 0.77 <= found.coverage_80 <= 0.83
    assert abs(found.log_bias) < 0.02


def test_leaving_a_run_out_agrees_with_a_calibration_of_the_others() -> None:
    residuals = history(25)
    for row, prediction in zip(residuals, leave_one_out(cases_of(residuals), prior="p"), strict=True):
        rest = [r for r in residuals if r is not row]
        group = learnt_of(fit(rest, as_of=LATER, prior="p", facts=facts_of(rest)), row)
        assert group
        assert prediction.p50 == pytest.approx(row.estimate_p50 * math.exp(group.log_bias))


def test_no_residuals_give_no_predictions_and_no_scores() -> None:
    assert replay([]) == ()
    assert leave_one_out([], prior="p") == ()
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
    assert [s.resource for s in score(replay(both))] == ["duration_s", "start_up_s"]


def speeds(num_runs: int, *, noise: float, groups: int, physics_log_sd: float, seed: int = 0) -> list[Residual]:
    """Runs of many small experiments on two accelerators: speed and start-up as measured, duration as they make it."""
    rng = np.random.default_rng(seed)
    rows = PHYSICS.duration_breakdown_s
    biases = rng.normal((-0.7, 0.5), 0.15, (groups, 2))
    found = []
    for number in range(num_runs):
        group = int(rng.integers(groups))
        accelerator = f"accelerator={'ab'[group % 2]}"
        speed, start = biases[group] + rng.normal(0, noise, 2)
        taken_s = rows["start_up"] * math.exp(start) + rows["training"] / math.exp(speed) + rows["checkpoints"]
        ratios: dict[Resource, float] = {
            "tokens_per_s_per_accelerator": speed,
            "start_up_s": start,
            "duration_s": math.log(taken_s / PHYSICS.duration_s.p50),
        }
        for resource, ratio in ratios.items():
            expected = PHYSICS.quantiles(resource)
            assert expected
            told = Quantiles.lognormal(expected.p50, physics_log_sd)
            if resource == "duration_s":
                start_s, training_s = (
                    lognormal_triple(rows[part], physics_log_sd) for part in ("start_up", "training")
                )
                p10, p50, p90 = sum_of_independent(start_s, training_s, rows["checkpoints"])
                told = Quantiles(p10=p10, p50=p50, p90=p90)
            found.append(
                Residual(
                    run_id=f"run-{number:05d}",
                    experiment=f"e{group}",
                    resource=resource,
                    ended_at=START + timedelta(hours=number),
                    groups=("all", accelerator, f"{accelerator}, experiment=e{group}"),
                    actual=expected.p50 * math.exp(ratio),
                    estimate_p10=told.p10,
                    estimate_p50=told.p50,
                    estimate_p90=told.p90,
                    log_ratio=ratio,
                )
            )
    return found


def test_the_duration_that_is_scored_is_the_one_users_are_told() -> None:
    residuals = speeds(40, noise=0.05, groups=4, physics_log_sd=0.4)
    cases = cases_of(residuals)
    last = [p for p in rolling_origin(cases, prior="p", max_refits=40) if p.run_id == "run-00039"]
    paths = {row.run_id: row.groups for row in residuals}
    known = [p for p in rolling_origin(cases, prior="p", max_refits=40) if p.run_id != "run-00039"]
    past = [row for row in residuals if row.run_id != "run-00039"]
    before = quick(past, width_ratios(known, paths))
    told = apply(before, cases[-1].estimate, cases[-1].residuals[0].groups)
    for prediction in last:
        assert Quantiles(p10=prediction.p10, p50=prediction.p50, p90=prediction.p90) == told.quantiles(
            prediction.resource
        )
    by_resource = {p.resource: p for p in last}
    others = sum(s for row, s in told.duration_breakdown_s.items() if row != "start_up")
    assert by_resource["duration_s"].p50 == pytest.approx(by_resource["start_up_s"].p50 + others)
    assert by_resource["duration_s"].num_runs_before == by_resource["tokens_per_s_per_accelerator"].num_runs_before > 0


def test_a_duration_made_of_known_parts_is_as_well_known_as_they_are() -> None:
    found = {s.resource: s for s in score(replay(speeds(300, noise=0.05, groups=4, physics_log_sd=0.4))[60:])}
    assert found["duration_s"].prior_median_ape > 0.4
    assert found["duration_s"].median_ape < 0.06


@pytest.mark.parametrize("num_groups", [2, 12, 30])
def test_intervals_cover_four_in_five_runs_of_small_groups_beside_unsure_physics(num_groups: int) -> None:
    within: dict[Resource, list[bool]] = {}
    for seed in range(8):
        residuals = speeds(150, noise=0.1, groups=num_groups, physics_log_sd=0.6, seed=seed)
        for prediction in replay(residuals, max_refits=150)[60:]:
            within.setdefault(prediction.resource, []).append(prediction.within)
    assert len(within) == 3
    for found in within.values():
        assert 0.77 <= np.mean(found) <= 0.83


def test_fewer_own_runs_give_a_wider_interval() -> None:
    residuals = speeds(200, noise=0.1, groups=2, physics_log_sd=0.6)
    newest = residuals[-1].ended_at + timedelta(hours=1)
    physics = Quantiles.lognormal(100, 0.6)
    widths = []
    for own in (1, 2, 4, 8, 16):
        tried = []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            path = ("all", "accelerator=a", "accelerator=a, experiment=new")
            extra = [
                residuals[0].model_copy(
                    update={"run_id": f"new-{n}", "groups": path, "log_ratio": -0.7 + rng.normal(0, 0.1)}
                )
                for n in range(own)
            ]
            group = learnt_of(fit([*residuals, *extra], as_of=newest, prior="p"), extra[0])
            assert group
            tried.append(calibrated(physics, group).log_sd)
        widths.append(float(np.mean(tried)))
    assert widths == sorted(widths, reverse=True)
