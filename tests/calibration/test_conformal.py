import numpy as np
import pytest

from planner.calibration.conformal import adapt, group_scales, outlier_scales, score_quantiles
from planner.calibration.robust import Floats, Ints
from planner.calibration.shrinkage import Tree

SDS = np.array([0.5, 1.0, 3.0])


def drawn(num_runs: int, seed: int = 0) -> tuple[Floats, Ints, Tree]:
    """Standardised residuals of groups whose spread the prediction did not know."""
    dice = np.random.default_rng(seed)
    group = dice.integers(0, SDS.size, num_runs)
    tree = Tree((np.zeros(num_runs, dtype=np.int64), group), (np.zeros(1, dtype=np.int64), np.zeros(3, dtype=np.int64)))
    return SDS[group] * dice.standard_t(8, num_runs), group, tree


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("num_runs", [200, 2000])
def test_quantiles_of_scores_agree_with_the_split_conformal_regressor_of_crepes(level: float, num_runs: int) -> None:
    crepes = pytest.importorskip("crepes")
    score, _, _ = drawn(num_runs)
    dice = np.random.default_rng(1)
    sigma = dice.uniform(0.5, 2.0, num_runs)
    regressor = crepes.ConformalRegressor().fit(residuals=score * sigma, sigmas=sigma)
    told = regressor.predict_int(np.zeros(1), sigmas=np.ones(1), confidence=level)
    ours = dict(score_quantiles(score[None, :], np.ones(num_runs), 1e9))[level]
    assert ours == pytest.approx(told[0, 1], rel=0.1 if num_runs < 1000 else 0.03)


def test_spreads_of_groups_agree_with_the_mondrian_regressor_of_crepes() -> None:
    crepes = pytest.importorskip("crepes")
    score, group, tree = drawn(3000)
    regressor = crepes.ConformalRegressor().fit(residuals=score, bins=group)
    told = regressor.predict_int(np.zeros(3), bins=np.arange(3), confidence=0.8)[:, 1]
    levels, without = group_scales(score[None, :], tree)
    whole = dict(score_quantiles((score / without)[None, :], np.ones(score.size), 1e9))[0.8]
    assert whole * levels[-1] == pytest.approx(told, rel=0.1)


def test_groups_of_few_runs_are_drawn_towards_all_runs() -> None:
    score, _, _ = drawn(400)
    code = np.minimum(np.arange(400), 1)
    tree = Tree((np.zeros(400, dtype=np.int64), code), (np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)))
    lonely = np.concatenate([[30.0], score[1:]])
    (whole, own), _ = group_scales(lonely[None, :], tree)
    assert own[1] < own[0] < 3 * whole[0]


def test_no_runs_leave_students_t() -> None:
    found = dict(score_quantiles(np.zeros((2, 0)), np.zeros(0), 10.0))
    assert found[0.8] == pytest.approx(1.372, abs=0.01)


def test_quantiles_never_fall_with_the_level() -> None:
    score = np.zeros((1, 30))
    values = [value for _, value in score_quantiles(score, np.ones(30), 5.0)]
    assert values == sorted(values)
    assert values[0] > 0


def test_equal_scores_have_defined_scales() -> None:
    tree = Tree((np.zeros(5, dtype=np.int64),), (np.zeros(1, dtype=np.int64),))
    (level,), without = group_scales(np.zeros((2, 5)), tree)
    assert np.all(np.isfinite(level))
    assert np.all(without > 0)
    assert outlier_scales(np.zeros(5)).tolist() == [1.0] * 5


def test_an_outlier_is_taken_for_one_that_lies_as_far_as_an_ordinary_run_may() -> None:
    score = np.concatenate([np.random.default_rng(0).normal(0, 1, 300), [40.0]])
    scales = outlier_scales(score)
    assert scales[-1] == scales.max() > 2
    assert np.median(scales[:-1]) == 1.0


def test_intervals_adapt_until_four_runs_in_five_are_inside_again() -> None:
    dice = np.random.default_rng(0)
    ratio, inside = 1.0, []
    for value in np.abs(dice.normal(0, 2.0, 600)):
        inside.append(bool(value < 1.2816 * ratio))
        ratio = adapt(ratio, inside[-1:])
    assert np.mean(inside[50:]) == pytest.approx(0.8, abs=0.02)
    assert ratio == pytest.approx(2.0, abs=0.5)
