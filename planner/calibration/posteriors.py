"""Probabilities, rates and means of many programmes, learnt together: one with few observations leans on the others.

Each has a prior in common whose mean and strength are unknown themselves. Both are integrated out on a grid (Gelman et
al., Bayesian Data Analysis, 3rd edition, section 5.3), and each posterior is told by its mean and variance.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from planner.calibration.robust import Floats
from planner.domain import Frozen
from planner.domain.estimate import Quantiles

STRENGTHS = 2.0 ** np.arange(8)
"""In observations: how alike programmes may be, all of these alike likely beforehand."""
STEPS = 64
LEVELS = (0.1, 0.5, 0.9)


class Prior(NamedTuple):
    """What is believed before anything is seen: a mean, with the weight of so many observations."""

    mean: float
    weight: float


class Beta(Frozen):
    """Posterior of a probability."""

    alpha: float = Field(gt=0)
    beta: float = Field(gt=0)

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)

    @property
    def quantiles(self) -> Quantiles:
        away = np.linspace(-40, 40, 8001) / max(1.0, math.sqrt(min(self.alpha, self.beta)))
        log_odds = math.log(self.alpha / self.beta) + away
        log_density = self.alpha * log_odds - (self.alpha + self.beta) * np.logaddexp(0, log_odds)
        return _quantiles(1 / (1 + np.exp(-log_odds)), log_density)


class Gamma(Frozen):
    """Posterior of a rate."""

    shape: float = Field(gt=0)
    rate: float = Field(gt=0)

    @property
    def mean(self) -> float:
        return self.shape / self.rate

    @property
    def sd(self) -> float:
        return math.sqrt(self.shape) / self.rate

    @property
    def quantiles(self) -> Quantiles:
        log_value = math.log(self.mean) + np.linspace(-60, 8, 8001) / max(1.0, math.sqrt(self.shape))
        return _quantiles(np.exp(log_value), self.shape * log_value - self.rate * np.exp(log_value))


class Normal(Frozen):
    """Posterior of a mean."""

    mean: float
    sd: float = Field(ge=0)


def pooled_probabilities(counts: Sequence[tuple[int, int]], prior: Prior) -> tuple[Beta, ...]:
    """Of each programme, from (events, trials): beta-binomial with the same prior for all."""
    log_odds = math.log(prior.mean / (1 - prior.mean)) + np.linspace(-12, 6, STEPS)
    mean = 1 / (1 + np.exp(-log_odds))
    belief = prior.weight * (prior.mean * log_odds - np.logaddexp(0, log_odds))
    mean, strength, log_weight = _grid(mean, belief)
    alpha, beta = mean * strength, (1 - mean) * strength
    events, trials = _columns(counts)
    a, b = alpha + events, beta + trials - events
    likelihood = _log_beta(a, b) - _log_beta(alpha, beta)
    found = a / (a + b)
    means, variances = _integrated(log_weight, likelihood, found, found * (1 - found) / (a + b + 1))
    size = means * (1 - means) / variances - 1
    return tuple(Beta(alpha=m * n, beta=(1 - m) * n) for m, n in zip(means.tolist(), size.tolist(), strict=True))


def pooled_rates(counts: Sequence[tuple[int, float]], prior: Prior) -> tuple[Gamma, ...]:
    """Of each programme, from (events, exposure): gamma-Poisson with the same prior for all."""
    log_mean = math.log(prior.mean) + np.linspace(-12, 6, STEPS)
    belief = prior.weight * (prior.mean * log_mean - np.exp(log_mean))
    mean, strength, log_weight = _grid(np.exp(log_mean), belief)
    shape = mean * strength
    events, exposure = _columns(counts)
    a, b = shape + events, strength + exposure
    likelihood = log_gamma(a) - log_gamma(shape) + shape * np.log(strength) - a * np.log(b)
    means, variances = _integrated(log_weight, likelihood, a / b, a / b**2)
    return tuple(Gamma(shape=m * m / v, rate=m / v) for m, v in zip(means.tolist(), variances.tolist(), strict=True))


def pooled_means(
    seen: Sequence[tuple[float, float]], prior: Normal, between_sds: Sequence[tuple[float, float]]
) -> tuple[Normal, ...]:
    """Of each programme, from (estimate, its variance; infinite where nothing was seen): normal in normal.

    ``between_sds``: how far programmes may lie apart, each with its weight beforehand.
    """
    means = prior.mean + prior.sd * np.linspace(-4, 4, STEPS)
    between = np.array([sd for sd, _ in between_sds])
    weights = np.log([weight for _, weight in between_sds])
    belief = -0.5 * ((means - prior.mean) / prior.sd) ** 2
    mean, sd = (side.ravel() for side in np.meshgrid(means, between, indexing="ij"))
    log_weight = (belief[:, None] + weights).ravel()
    estimate, variance = _columns(seen)
    precision = np.where(np.isinf(variance), 0.0, 1 / np.maximum(variance, 1e-300))
    value = np.where(precision > 0, estimate, 0.0)
    total = np.where(precision > 0, variance, 1.0) + sd**2
    likelihood = np.where(precision > 0, -0.5 * (np.log(total) + (value - mean) ** 2 / total), 0.0)
    together = precision + 1 / sd**2
    found, spread = _integrated(
        log_weight,
        likelihood,
        (precision * value + mean / sd**2) / together,
        np.broadcast_to(1 / together, total.shape),
    )
    return tuple(Normal(mean=m, sd=math.sqrt(v)) for m, v in zip(found.tolist(), spread.tolist(), strict=True))


def log_gamma(x: Floats) -> Floats:
    """ln of the gamma function of numbers above 0: Stirling's series from 8 on, its recurrence below."""
    shift, y = np.zeros_like(x), x
    for _ in range(8):
        shift, y = np.where(y < 8, shift + np.log(y), shift), np.where(y < 8, y + 1, y)
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5) - 1 / (1680 * y**7)
    return np.asarray((y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series - shift)


def _log_beta(a: Floats, b: Floats) -> Floats:
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)


def _grid(means: Floats, belief: Floats) -> tuple[Floats, Floats, Floats]:
    """All pairs of a mean and a strength, with the log weight of each."""
    mean, strength = (side.ravel() for side in np.meshgrid(means, STRENGTHS, indexing="ij"))
    return mean, strength, np.repeat(belief, STRENGTHS.size)


def _columns(rows: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    first, second = np.array(rows, dtype=np.float64).reshape(-1, 2).T[:, :, None]
    return first, second


def _integrated(log_weight: Floats, likelihood: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Mean and variance by programme over the whole grid; all programmes together tell which of it is likely."""
    together = log_weight + np.sort(likelihood, axis=0).sum(axis=0)
    weight = np.exp(together - together.max())
    weight /= weight.sum()
    found = (mean * weight).sum(axis=1)
    return found, ((variance + (mean - found[:, None]) ** 2) * weight).sum(axis=1)


def _quantiles(values: Floats, log_density: Floats) -> Quantiles:
    density = np.exp(log_density - log_density.max())
    share = (np.cumsum(density) - density / 2) / density.sum()
    p10, p50, p90 = np.interp(LEVELS, share, values).tolist()
    return Quantiles(p10=p10, p50=p50, p90=p90)
