import numpy as np
import pytest

from planner.drift.level import LAG, OWN_RUNS, Level


def level(num_own: int = OWN_RUNS) -> Level:
    return Level(mean=0.0, precision=10.0, noise_variance=1.0, degrees=20.0, num_own=num_own)


def test_a_run_counts_as_normal_only_after_a_lag() -> None:
    found = level()
    for _ in range(LAG):
        found.learn(1.0)
    assert found.mean == 0.0
    found.learn(1.0)
    assert found.mean == pytest.approx(1 / 11)


def test_a_young_group_learns_at_once() -> None:
    found = level(num_own=2)
    found.learn(1.0)
    assert found.mean == pytest.approx(1 / 11)
    assert found.num_own == 3


def test_mean_and_noise_come_to_what_the_runs_show() -> None:
    found = level()
    values = np.random.default_rng(0).normal(0.5, 0.7, 2000)
    for value in values:
        found.learn(float(value))
    found.take_all()
    assert found.mean == pytest.approx(0.5, abs=0.06)
    assert found.noise_sd == pytest.approx(0.7, rel=0.06)
    assert not found.waiting


def test_a_far_run_moves_the_level_no_more_than_two_and_a_half_sds() -> None:
    found = level(num_own=0)
    found.learn(1e9)
    assert found.mean <= 2.5 * (1.1**0.5) / 11 + 1e-9
