"""Quantiles of a quantity that could be one of several distributions."""

import math
from collections.abc import Sequence

from planner.domain.estimate import Z_P90, Quantiles
from planner.estimator.elementwise import exp

Triple = tuple[float, float, float]
"""The 10th, 50th and 90th percentile."""

POINT_WEIGHTS = (0.3, 0.4, 0.3)
"""Swanson's rule: p10, p50 and p90 with these weights stand for the whole distribution."""

ROUNDING = 1e-9
"""Weights that add up to a level in one order of addition and miss it by a rounding error in another both reach it."""


def lognormal_triple(p50: float, log_sd: float) -> Triple:
    """The three percentiles of a lognormal."""
    width = exp(Z_P90 * log_sd)
    return p50 / width, p50, p50 * width


def mix(weights: Sequence[float], triples: Sequence[Triple]) -> Quantiles:
    """Quantiles of a mixture: p10 comes from its low side, p90 from its high side, p50 is the geometric mean.

    ``weights`` add up to 1. A single distribution is returned as it is. A quantity that can be 0 gets the
    arithmetic mean as its middle.
    """
    if len(triples) == 1:
        p10, p50, p90 = triples[0]
        return Quantiles(p10=p10, p50=p50, p90=p90)
    points = sorted(
        (value, weight * share)
        for weight, triple in zip(weights, triples, strict=True)
        for value, share in zip(triple, POINT_WEIGHTS, strict=True)
    )
    low, high = _at(points, 0.1), _at(points, 0.9)
    middles = [triple[1] for triple in triples]
    if min(middles) > 0:
        middle = math.exp(sum(w * math.log(m) for w, m in zip(weights, middles, strict=True)))
    else:
        middle = sum(w * m for w, m in zip(weights, middles, strict=True))
    return Quantiles(p10=low, p50=min(max(middle, low), high), p90=high)


def mix_columns(weights: Sequence[float], triples: Sequence[Triple]) -> Triple:
    """``mix`` of arrays of percentiles, element by element."""
    import numpy as np

    values = np.concatenate([np.stack(triple) for triple in triples])
    order = np.argsort(values, axis=0, kind="stable")
    ascending = np.take_along_axis(values, order, axis=0)
    shares = np.array([weight * share for weight in weights for share in POINT_WEIGHTS])
    reached = np.cumsum(shares[order], axis=0)
    reached[-1] = 1.0
    low, high = (
        np.take_along_axis(ascending, np.argmax(reached >= share - ROUNDING, axis=0)[None], axis=0)[0]
        for share in (0.1, 0.9)
    )
    middles = np.stack([triple[1] for triple in triples])
    each = np.array(weights)[:, None]
    can_be_zero = middles.min(axis=0) <= 0
    geometric = np.exp((each * np.log(np.where(can_be_zero, 1.0, middles))).sum(axis=0))
    middle = np.where(can_be_zero, (each * middles).sum(axis=0), geometric)
    return low, np.minimum(np.maximum(middle, low), high), high


def _at(points: Sequence[tuple[float, float]], share: float) -> float:
    reached = 0.0
    for value, weight in points:
        reached += weight
        if reached >= share - ROUNDING:
            return value
    return points[-1][0]
