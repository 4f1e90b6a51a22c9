import math

import numpy as np
import pytest

from planner.drift.cusum import run_cusum
from planner.drift.run_length import alarm_probability, average_run_length

# Average run length of the two-sided CUSUM with k = .5: Montgomery, Introduction to Statistical Quality Control, 6th
# edition, table 9.3; Lucas and Crosier (1982), Technometrics 24, table 1.
PUBLISHED = {
    4.0: {0: 168, 0.25: 74.2, 0.5: 26.6, 0.75: 13.3, 1: 8.38, 1.5: 4.75, 2: 3.34, 2.5: 2.62, 3: 2.19, 4: 1.71},
    5.0: {0: 465, 0.25: 139, 0.5: 38.0, 0.75: 17.0, 1: 10.4, 1.5: 5.75, 2: 4.01, 2.5: 3.11, 3: 2.57, 4: 2.01},
}


def simulated(h: float, shift: float, num_series: int, length: int, seed: int) -> np.ndarray:
    """Lengths of the product's own chart on values drawn; 2.5 SDs winsorise."""
    rng = np.random.default_rng(seed)
    alarms = [run_cusum(rng.normal(shift, 1, length), h=h).alarm_index for _ in range(num_series)]
    return np.array([length if alarm is None else alarm + 1 for alarm in alarms])


@pytest.mark.parametrize(("h", "shift"), [(h, shift) for h, row in PUBLISHED.items() for shift in row])
def test_run_lengths_agree_with_published_ones_to_a_hundredth(h: float, shift: float) -> None:
    assert average_run_length(h, 0.5, shift) == pytest.approx(PUBLISHED[h][shift], rel=0.01)


@pytest.mark.parametrize("h", [4.0, 5.0, 7.0])
def test_siegmunds_approximation_says_the_same(h: float) -> None:
    slope = h + 1.166
    assert average_run_length(h) == pytest.approx((math.exp(slope) - slope - 1), rel=0.03)


def test_a_fall_takes_as_long_to_notice_as_a_rise() -> None:
    assert average_run_length(5.0, 0.5, -1.0) == pytest.approx(average_run_length(5.0, 0.5, 1.0), rel=1e-9)


@pytest.mark.parametrize(("shift", "length"), [(0.5, 600), (1.0, 200)])
def test_the_charts_own_run_lengths_are_those_computed_for_winsorised_values(shift: float, length: int) -> None:
    lengths = simulated(5.0, shift, 1500, length, seed=3)
    spread = 4 * lengths.std() / math.sqrt(lengths.size)
    assert lengths.mean() == pytest.approx(average_run_length(5.0, 0.5, shift, 2.5), abs=spread)


def test_the_chance_of_an_alarm_within_some_values_is_that_of_the_chart() -> None:
    lengths = simulated(4.0, 0.3, 3000, 40, seed=4)
    share = float(np.mean(simulated(4.0, 0.3, 3000, 41, seed=4) <= 40))
    assert lengths.size == 3000
    assert share == pytest.approx(alarm_probability(4.0, 40, 0.5, 0.3, 2.5), abs=0.03)


@pytest.mark.slow
def test_in_control_the_chart_alarms_as_seldom_as_computed() -> None:
    lengths = simulated(5.0, 0.0, 1500, 6000, seed=0)
    spread = 4 * lengths.std() / math.sqrt(lengths.size)
    assert lengths.mean() == pytest.approx(average_run_length(5.0, 0.5, 0.0, 2.5), abs=spread)
