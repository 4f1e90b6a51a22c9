import numpy as np
import pytest

from planner.drift.cusum import run_cusum


def test_the_sums_agree_with_the_recursion_worked_step_by_step() -> None:
    z = np.clip(np.random.default_rng(1).normal(0.3, 1.5, 200), -2.5, 2.5)
    result = run_cusum(z, k=0.5, h=4)
    above = below = 0.0
    for index, value in enumerate(z):
        above, below = max(0.0, above + value - 0.5), max(0.0, below - value - 0.5)
        assert (result.above[index], result.below[index]) == pytest.approx((above, below), abs=1e-12)


@pytest.mark.parametrize(("sign", "direction"), [(1, "above"), (-1, "below")])
def test_a_shift_is_dated_to_its_first_value(sign: int, direction: str) -> None:
    rng = np.random.default_rng(2)
    z = np.concatenate([rng.normal(0, 1, 60), rng.normal(2 * sign, 1, 30)])
    result = run_cusum(z)
    assert result.direction == direction
    assert result.alarm_index is not None
    assert result.change_index is not None
    assert abs(result.change_index - 60) <= 2


def test_a_limit_for_each_value_counts_at_its_own_value() -> None:
    z = np.full(10, 1.5)
    assert run_cusum(z, h=2.5).alarm_index == 2
    assert run_cusum(z, h=np.array([9.0, 9, 9, 9, 9, 9, 2, 2, 2, 2])).alarm_index == 6


def test_one_value_however_far_out_raises_no_alarm() -> None:
    result = run_cusum(np.array([0.0, 1e9, 0.0, 0.0]))
    assert result.alarm_index is None
    assert result.statistic.max() == 2.0


def test_no_values_give_no_alarm() -> None:
    assert run_cusum(np.zeros(0)).alarm_index is None
