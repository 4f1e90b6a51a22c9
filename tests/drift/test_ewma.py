import numpy as np
import pytest

from planner.drift.ewma import WEIGHT, band, ewma


def test_the_average_is_the_sum_of_values_with_falling_weights() -> None:
    values = np.random.default_rng(0).normal(0, 1, 30)
    weights = WEIGHT * (1 - WEIGHT) ** np.arange(30)[::-1]
    assert ewma(values)[-1] == pytest.approx(float(weights @ values))
    assert ewma(np.ones(100))[-1] == pytest.approx(1.0)


def test_in_control_the_average_seldom_leaves_its_band() -> None:
    smooth = ewma(np.random.default_rng(1).normal(0, 0.3, 20_000))
    assert np.mean(np.abs(smooth) > band(0.3)) < 0.01
