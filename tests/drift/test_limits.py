import numpy as np
import pytest

from planner.drift.limits import FALSE_ALARMS_PER_QUARTER, MIN_LIMIT, limits_of, reference_of
from planner.drift.run_length import average_run_length


def test_a_well_known_mean_needs_a_higher_limit_the_more_runs_are_watched() -> None:
    limits = [float(limits_of(np.zeros(1), [13.0] * groups)[0]) for groups in (0, 1, 10, 100, 1000)]
    assert limits[:2] == [MIN_LIMIT, MIN_LIMIT]
    assert limits == sorted(limits)
    assert limits[-1] > limits[-2] > limits[1]


def test_all_charts_together_keep_to_the_budget_of_false_alarms() -> None:
    runs = [13.0] * 100
    limit = float(limits_of(np.zeros(1), runs)[0])
    assert sum(runs) / average_run_length(limit, 0.5, 0.0, 2.5) <= FALSE_ALARMS_PER_QUARTER * 1.15


def test_the_less_is_known_of_a_mean_the_higher_its_limit_and_its_reference() -> None:
    variance = np.array([0.0, 0.03, 0.1, 0.25])
    limits = limits_of(variance, [13.0] * 50)
    assert list(limits) == sorted(set(limits))
    assert reference_of(variance) == pytest.approx(0.5 + variance)
