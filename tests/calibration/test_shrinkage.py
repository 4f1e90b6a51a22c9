import numpy as np
import pytest

from planner.calibration.shrinkage import EFFECT_SHARE, Tree, between_variance, shrink


def nested_tree(children: int, grandchildren: int, runs: np.ndarray) -> Tree:
    """Root, ``children`` groups below it, ``grandchildren`` below each; ``runs`` by finest group."""
    finest = np.repeat(np.arange(children * grandchildren), runs)
    parents = np.repeat(np.arange(children), grandchildren)
    return Tree(
        codes=(np.zeros(finest.size, dtype=np.int64), parents[finest], finest),
        parents=(np.zeros(1, dtype=np.int64), np.zeros(children, dtype=np.int64), parents),
    )


def test_the_passes_up_and_down_the_tree_agree_with_the_joint_normal_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise, tau2, root = 0.15**2, 0.2**2, 0.5
    tree = nested_tree(2, 3, np.array([1, 4, 2, 7, 0, 3]))
    y = np.random.default_rng(1).normal(0.2, 0.3, tree.codes[0].size)
    monkeypatch.setattr("planner.calibration.shrinkage.between_variance", lambda *_: tau2)
    monkeypatch.setattr("planner.calibration.shrinkage.without_outliers", lambda values, *_: values)
    monkeypatch.setattr(
        "planner.calibration.shrinkage._noise_variances",
        lambda values, tree, counts, prior: (
            [np.full(count.size, noise) for count in counts],
            [np.full(count.size, 50.0) for count in counts],
            np.full(values.size, noise),
        ),
    )
    levels = shrink(y, tree, root)

    # Independent: all effects (1 root, 2 children, 6 grandchildren) as one Gaussian vector, conditioned by algebra.
    prior = np.diag([root**2] + [tau2] * 8)
    sums = np.zeros((9, 9))
    sums[:, 0] = 1
    for child in range(2):
        sums[1 + child, 1 + child] = 1
    for leaf in range(6):
        sums[3 + leaf, 1 + leaf // 3] = sums[3 + leaf, 3 + leaf] = 1
    design = sums[3 + tree.codes[2]]
    covariance = design @ prior @ design.T + noise * np.eye(y.size)
    gain = sums @ prior @ design.T @ np.linalg.inv(covariance)
    mean = gain @ y
    variance = np.diag(sums @ prior @ sums.T - gain @ design @ prior @ sums.T)

    assert np.concatenate([level.mean for level in levels]) == pytest.approx(mean, rel=1e-9)
    assert np.concatenate([level.variance for level in levels]) == pytest.approx(variance, rel=1e-9)
    assert levels[1].log_sd == pytest.approx(np.sqrt(variance[1:3] + tau2 + noise))
    assert levels[2].log_sd == pytest.approx(np.sqrt(variance[3:] + noise))


def test_a_group_without_runs_is_predicted_like_a_new_child_of_its_parent() -> None:
    tree = nested_tree(2, 3, np.array([5, 4, 6, 7, 0, 3]))
    levels = shrink(np.random.default_rng(2).normal(0.2, 0.3, 25), tree, 0.5)
    assert levels[2].mean[4] == pytest.approx(levels[1].mean[1])
    assert levels[2].log_sd[4] == pytest.approx(levels[1].log_sd[1], rel=1e-6)


def test_without_runs_the_physics_stands_with_its_prior_spread() -> None:
    (level,) = shrink(np.zeros(0), Tree((np.zeros(0, dtype=np.int64),), (np.zeros(1, dtype=np.int64),)), 0.5)
    assert level.mean[0] == 0
    assert level.variance[0] == pytest.approx(0.25)
    assert level.log_sd[0] == pytest.approx(np.hypot(0.5, EFFECT_SHARE * 0.5))


def test_the_variance_between_groups_is_recovered_from_many_groups() -> None:
    rng = np.random.default_rng(3)
    variances = rng.uniform(0.001, 0.05, 4000)
    means = rng.normal(0, np.sqrt(0.3**2 + variances))
    parents = np.arange(4000) % 100
    assert between_variance(means, 1 / variances, parents, 0.1) == pytest.approx(0.09, rel=0.05)


def test_a_single_group_leaves_the_variance_between_groups_to_the_prior() -> None:
    assert between_variance(np.array([0.4]), np.array([10.0]), np.array([0]), 0.15) == pytest.approx(0.15**2)


def test_alike_groups_never_count_as_exactly_alike() -> None:
    assert between_variance(np.zeros(1000), np.full(1000, 1e6), np.zeros(1000, dtype=np.int64), 0.15) == 0.02**2


@pytest.mark.parametrize("tails", ["normal", "heavy"])
@pytest.mark.parametrize("num_runs", [30, 75, 200])
def test_the_80_percent_interval_of_the_next_run_covers_80_percent(tails: str, num_runs: int) -> None:
    effects_sd, noise, hits, tried = (0.25, 0.2, 0.15), 0.15, 0, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        keys = rng.integers((3, 2, 3), size=(num_runs + 20, 3))
        effect = [rng.normal(0, sd, 18) for sd in effects_sd]
        finest = keys @ (6, 3, 1)
        middle, coarse = finest // 3, finest // 6
        error = rng.normal(size=finest.size) if tails == "normal" else rng.standard_t(3, finest.size) / np.sqrt(3)
        y = 0.3 + effect[0][coarse] + effect[1][middle] + effect[2][finest] + noise * error
        past = slice(0, num_runs)
        codes = (np.zeros(num_runs, dtype=np.int64), coarse[past], middle[past], finest[past])
        parents = (np.zeros(1, dtype=np.int64), np.zeros(3, dtype=np.int64), np.arange(6) // 2, np.arange(18) // 3)
        group = shrink(y[past], Tree(codes, parents), 0.5)[-1]
        ahead = finest[num_runs:]
        hits += int(np.count_nonzero(np.abs(y[num_runs:] - group.mean[ahead]) <= group.half_width[ahead]))
        tried += 20
    assert 0.77 <= hits / tried <= 0.83
