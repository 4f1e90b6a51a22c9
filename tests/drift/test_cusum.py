import numpy as np
import pytest

from planner.drift.cusum import alarm_limit, average_run_length, run_cusum


def run_lengths(shift: float, h: float, num_series: int, length: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(num_series):
        alarm = run_cusum(rng.normal(shift, 1, length), h=h).alarm_index
        found.append(length if alarm is None else alarm + 1)
    return np.array(found)


def test_the_sums_agree_with_the_recursion_worked_step_by_step() -> None:
    z = np.clip(np.random.default_rng(1).normal(0.3, 1.5, 200), -2.5, 2.5)
    result = run_cusum(z, k=0.5, h=4)
    above = below = 0.0
    for index, value in enumerate(z):
        above, below = max(0.0, above + value - 0.5), max(0.0, below - value - 0.5)
        assert (result.above[index], result.below[index]) == pytest.approx((above, below), abs=1e-12)


@pytest.mark.slow
def test_in_control_465_values_pass_between_two_false_alarms() -> None:
    # Winsorising at 2.5 takes some of the tail away: the published 465 is for values as they are.
    assert 420 <= run_lengths(0.0, 5.0, 1500, 6000).mean() <= 620


def test_a_shift_of_one_sd_is_noticed_after_ten_values() -> None:
    assert run_lengths(1.0, 5.0, 3000, 300).mean() == pytest.approx(10.4, abs=0.8)


@pytest.mark.parametrize(("h", "published"), [(4.0, 168), (5.0, 465)])
def test_siegmunds_formula_agrees_with_published_run_lengths(h: float, published: float) -> None:
    assert average_run_length(h) == pytest.approx(published, rel=0.02)


def test_the_limit_is_5_for_few_groups_and_7_for_a_hundred() -> None:
    assert [alarm_limit(groups) for groups in (0, 1, 12, 100)] == [5, 5, 5, 7]
    assert alarm_limit(1000) > alarm_limit(100)


@pytest.mark.parametrize(("sign", "direction"), [(1, "above"), (-1, "below")])
def test_a_shift_is_dated_to_its_first_value(sign: int, direction: str) -> None:
    rng = np.random.default_rng(2)
    z = np.concatenate([rng.normal(0, 1, 60), rng.normal(2 * sign, 1, 30)])
    result = run_cusum(z)
    assert result.direction == direction
    assert result.alarm_index is not None
    assert result.change_index is not None
    assert abs(result.change_index - 60) <= 2
    assert result.excursion_start == result.change_index


def test_a_shift_that_went_away_is_no_excursion_any_more() -> None:
    result = run_cusum(np.concatenate([np.full(20, 2.0), np.full(80, -0.1)]))
    assert result.alarm_index is not None
    assert result.excursion_start is None


def test_one_value_however_far_out_raises_no_alarm() -> None:
    result = run_cusum(np.array([0.0, 1e9, 0.0, 0.0]))
    assert result.alarm_index is None
    assert result.statistic.max() == 2.0


def test_no_values_give_no_alarm() -> None:
    result = run_cusum(np.zeros(0))
    assert result.alarm_index is None
    assert result.excursion_start is None
