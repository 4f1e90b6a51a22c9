"""Against scipy and closed forms."""

import math

import numpy as np
import pytest

from planner.calibration.posteriors import (
    STRENGTHS,
    Beta,
    Gamma,
    Normal,
    Prior,
    log_gamma,
    pooled_means,
    pooled_probabilities,
    pooled_rates,
)

integrate = pytest.importorskip("scipy.integrate")
special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")


def test_the_log_of_the_gamma_function_is_scipys() -> None:
    x = np.geomspace(1e-9, 1e6, 400)
    assert log_gamma(x) == pytest.approx(special.gammaln(x), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize(("alpha", "beta"), [(0.2, 1.8), (0.5, 300.0), (5.0, 2.0), (900.0, 100.0)])
def test_quantiles_of_a_probability_are_scipys(alpha: float, beta: float) -> None:
    found = Beta(alpha=alpha, beta=beta).quantiles
    assert (found.p10, found.p50, found.p90) == pytest.approx(
        stats.beta(alpha, beta).ppf([0.1, 0.5, 0.9]), rel=0.01, abs=1e-4
    )


@pytest.mark.parametrize(("shape", "rate"), [(0.13, 2.7), (1.0, 1.0), (40.0, 3.0), (9000.0, 2.0)])
def test_quantiles_of_a_rate_are_scipys(shape: float, rate: float) -> None:
    found = Gamma(shape=shape, rate=rate).quantiles
    expected = stats.gamma(shape, scale=1 / rate).ppf([0.1, 0.5, 0.9])
    assert (found.p10, found.p50, found.p90) == pytest.approx(expected, rel=0.01, abs=1e-4)


def test_a_pooled_probability_is_the_integral_over_all_priors() -> None:
    """The same by adaptive quadrature over the mean, strength by strength."""
    prior, counts = Prior(0.2, 4), [(3, 10), (0, 12), (5, 9)]
    weights, totals = 0.0, 0.0
    for strength in STRENGTHS:

        def joint(mean: float, strength: float = float(strength)) -> float:
            a, b = mean * strength, (1 - mean) * strength
            known = stats.beta(prior.mean * prior.weight, (1 - prior.mean) * prior.weight).pdf(mean)
            log = sum(special.betaln(a + s, b + n - s) - special.betaln(a, b) for s, n in counts)
            return float(known * math.exp(log + 25))

        def of_first(mean: float, strength: float = float(strength)) -> float:
            return joint(mean, strength) * (mean * strength + counts[0][0]) / (strength + counts[0][1])

        weights += integrate.quad(joint, 1e-9, 1 - 1e-9)[0]
        totals += integrate.quad(of_first, 1e-9, 1 - 1e-9)[0]
    assert pooled_probabilities(counts, prior)[0].mean == pytest.approx(totals / weights, rel=0.01)


def test_many_observations_outweigh_every_prior() -> None:
    (beta,) = pooled_probabilities([(4000, 10_000)], Prior(0.1, 4))
    assert beta.mean == pytest.approx(0.4, rel=0.01)
    assert beta.alpha + beta.beta == pytest.approx(10_000, rel=0.05)
    (gamma,) = pooled_rates([(4000, 1000.0)], Prior(1.0, 0.5))
    assert gamma.mean == pytest.approx(4, rel=0.01)
    assert gamma.sd == pytest.approx(math.sqrt(4000) / 1000, rel=0.05)
    (normal,) = pooled_means([(3.0, 1e-6)], Normal(mean=0.0, sd=1.0), [(0.5, 1.0), (1.0, 1.0)])
    assert normal.mean == pytest.approx(3, rel=0.001)
    assert normal.sd == pytest.approx(1e-3, rel=0.01)


def test_a_mean_between_two_known_spreads_is_the_textbook_one() -> None:
    """One programme, one spread between: prior and data weigh by their precision."""
    (found,) = pooled_means([(2.0, 0.3**2)], Normal(mean=1.0, sd=0.4), [(0.5, 1.0)])
    prior, data = 1 / (0.4**2 + 0.5**2), 1 / 0.3**2
    assert found.mean == pytest.approx((prior * 1.0 + data * 2.0) / (prior + data), rel=1e-3)
    assert found.sd == pytest.approx(math.sqrt(1 / (prior + data)), rel=1e-3)
