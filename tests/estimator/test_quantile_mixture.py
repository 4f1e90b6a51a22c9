import numpy as np
import pytest

from planner.estimator.quantile_mixture import lognormal_triple, mix


def test_a_single_distribution_comes_back_as_it_is() -> None:
    mixed = mix([1.0], [(1.0, 2.0, 4.0)])
    assert (mixed.p10, mixed.p50, mixed.p90) == (1.0, 2.0, 4.0)


def test_two_far_distributions_give_both_sides_and_the_geometric_middle() -> None:
    mixed = mix([0.5, 0.5], [(0.9, 1.0, 1.1), (90.0, 100.0, 110.0)])
    assert mixed.p10 <= 1.0
    assert mixed.p50 == pytest.approx(10.0)
    assert mixed.p90 >= 100.0


def test_an_unlikely_option_does_not_reach_the_quantiles() -> None:
    mixed = mix([0.98, 0.02], [(0.9, 1.0, 1.1), (90.0, 100.0, 110.0)])
    assert mixed.p90 < 2.0


def test_weights_that_just_reach_a_level_reach_it_in_every_order() -> None:
    weights = [0.051, 0.034, 0.009, 0.006, 0.9]
    for order in ([0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0]):
        triples = [(float(place + 1),) * 3 for place in order] + [(100.0, 100.0, 100.0)]
        mixed = mix([weights[place] for place in order] + [0.9], [(a, b, c) for a, b, c in triples])
        assert mixed.p10 == 4.0


def test_the_outer_quantiles_are_near_those_of_the_sampled_mixture() -> None:
    random = np.random.default_rng(1)
    samples = np.concatenate(
        [2.0 * np.exp(0.2 * random.normal(size=100_000)), 3.0 * np.exp(0.2 * random.normal(size=100_000))]
    )
    mixed = mix([0.5, 0.5], [lognormal_triple(2.0, 0.2), lognormal_triple(3.0, 0.2)])
    low, high = np.quantile(samples, [0.1, 0.9])
    assert mixed.p10 == pytest.approx(low, rel=0.15)
    assert mixed.p90 == pytest.approx(high, rel=0.15)


def test_a_quantity_that_can_be_zero_is_averaged() -> None:
    assert mix([0.5, 0.5], [(0.0, 0.0, 0.0), (2.0, 2.0, 2.0)]).p50 == 1.0
