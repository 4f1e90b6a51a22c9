import numpy as np
import pytest

from planner.calibration.robust import (
    WINSORISED_VARIANCE,
    group_medians,
    pooled_scale,
    student_t_p90,
    weighted_quantile,
    winsorise,
)


def test_medians_by_group_are_those_of_numpy_and_0_for_an_empty_group() -> None:
    rng = np.random.default_rng(0)
    values, codes = rng.normal(size=101), rng.integers(0, 7, 101)
    expected = [np.median(values[codes == group]) for group in range(7)]
    assert group_medians(values, codes, 8).tolist() == pytest.approx([*expected, 0.0])


def test_the_pooled_scale_of_small_groups_is_their_common_sd() -> None:
    rng = np.random.default_rng(1)
    for size in (3, 4, 10):
        values, codes = rng.normal(0, 0.2, size * 3000), np.repeat(np.arange(3000), size)
        deviations = values - group_medians(values, codes, 3000)[codes]
        assert pooled_scale(deviations, np.full(values.size, size)) == pytest.approx(0.2, rel=0.2)


def test_winsorised_values_stay_within_two_and_a_half_scales() -> None:
    assert winsorise(np.array([-9.0, 0.5, 9.0]), 1.0, 2.0).tolist() == [-4.0, 0.5, 6.0]


def test_the_variance_lost_by_winsorising_a_normal_is_known() -> None:
    draws = winsorise(np.random.default_rng(2).normal(size=2_000_000), 0.0, 1.0)
    assert draws.var() == pytest.approx(WINSORISED_VARIANCE, abs=0.003)


@pytest.mark.parametrize(("degrees", "table"), [(3, 1.638), (5, 1.476), (10, 1.372), (30, 1.310), (120, 1.289)])
def test_students_t_agrees_with_the_printed_table(degrees: float, table: float) -> None:
    assert float(student_t_p90(np.array([degrees]))[0]) == pytest.approx(table, abs=0.01)


def test_a_weight_of_two_counts_like_a_value_given_twice() -> None:
    doubled = weighted_quantile(np.array([1.0, 2.0, 2.0, 3.0]), np.ones(4), 0.5)
    assert weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.5) == pytest.approx(doubled)
