import numpy as np
import pytest

from planner.drift.noise import pooled_noise


def sample(sds: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    group = np.repeat(np.arange(sds.size), size)
    values = np.random.default_rng(0).normal(0, 1, group.size) * sds[group]
    means = np.bincount(group, weights=values) / size
    return values - means[group], group


def test_groups_that_are_alike_share_one_noise() -> None:
    variance, degrees = pooled_noise(*sample(np.full(60, 0.2), 10), 60, np.full(60, 9.0))
    assert np.sqrt(variance) == pytest.approx(np.full(60, 0.2), rel=0.12)
    assert degrees.min() > 60


def test_groups_that_differ_keep_their_own() -> None:
    sds = np.where(np.arange(60) < 30, 0.05, 0.4)
    variance, _ = pooled_noise(*sample(sds, 40), 60, np.full(60, 9.0))
    assert np.median(np.sqrt(variance[:30])) < 0.12
    assert np.median(np.sqrt(variance[30:])) == pytest.approx(0.4, rel=0.2)


def test_without_deviations_the_noise_is_what_was_assumed() -> None:
    assumed = np.array([0.01, 0.04])
    variance, _ = pooled_noise(np.zeros(0), np.zeros(0, dtype=np.int64), 2, assumed)
    assert variance == pytest.approx(assumed)
