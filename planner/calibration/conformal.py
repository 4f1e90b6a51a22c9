"""How wide an honest interval is: conformal scores of left-out runs, by group with shrinkage, adapted over time."""

import math
from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from planner.calibration.robust import Floats, Ints, student_t, weighted_quantile
from planner.calibration.shrinkage import Tree
from planner.domain.estimate import Z_P90

LEVELS = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995)
PRIOR_RUNS = 20.0
"""Weight of Student's t against the observed quantiles."""
GROUP_PRIOR_RUNS = 16.0
"""A group's spread is pooled with its parent's as if that had been seen in so many of its runs."""
MIN_RUNS_FOR_SPREAD = 3
MAX_SCORE = 3.0
"""Scores further out tell no more about the spread."""
SCORE_VARIANCE = 0.9955
"""Variance of a standard normal winsorised at ``MAX_SCORE``."""
RUNS_TO_TELL = 50.0
"""Weight of the common spread where a group tells what counts as too far out for it."""
MAX_ORDINARY, MAX_OUTLYING = 2.0, 3.0
STEP = 0.08
MIN_WIDTH_RATIO, MAX_WIDTH_RATIO = 0.5, 8.0


def score_quantiles(scores: Floats, weight: Floats, degrees: float) -> tuple[tuple[float, float], ...]:
    """For each of ``LEVELS`` the predictive SDs that hold such a share of runs; a row of scores for each view of them.

    Split conformal prediction (Vovk et al. 2005; Lei et al. 2018) with its level x (1 + 1/n), blended with Student's t
    while runs are few: the t has the weight of ``PRIOR_RUNS`` runs. Never less than the normal's: reach, nearness and
    spreads of groups were chosen on the same left-out runs, which makes their scores look tight.
    """
    views, size = scores.shape
    away, weights = np.abs(scores).ravel(), np.tile(weight, views)
    found, least = [], 0.0
    for level in LEVELS:
        normal = NormalDist().inv_cdf(0.5 + level / 2)
        prior = float(student_t(normal, np.array([degrees]))[0])
        value = prior
        if size:
            seen = weighted_quantile(away, weights, min(level * (1 + 1 / size), 1.0))
            seen = max(seen, normal)
            beyond = size * (1 - level)
            trust = size if beyond >= 1 else size * beyond
            value = (trust * seen + PRIOR_RUNS * prior) / (trust + PRIOR_RUNS)
        least = max(least, value)
        found.append((level, least))
    return tuple(found)


def nearness_ratios(scores: Floats, is_near: NDArray[np.bool_]) -> tuple[float, float]:
    """Spread of runs that had one much like them and of runs that had none, in units of the predicted one.

    A spread that few runs tell is drawn towards that of all.
    """
    whole = _core(scores.ravel())
    found = []
    for rows in (is_near, ~is_near):
        size = np.count_nonzero(rows) / scores.shape[0]
        own = _core(scores[rows]) if size else whole
        found.append(float((size * own + PRIOR_RUNS * whole) / (size + PRIOR_RUNS)))
    return found[0], found[1]


def group_scales(scores: Floats, tree: Tree) -> tuple[list[Floats], Floats]:
    """By level, each group's spread in units of the predicted one, pooled along the tree; by run, without itself.

    What counts as too far out is told first by all runs, then by the spread of each group of many runs.
    """
    core = _core(scores.ravel())
    own = np.ones(scores.shape[1])
    levels: list[Floats] = []
    without = own
    for _ in range(2):
        away = np.minimum(np.abs(scores) / (core * own), MAX_SCORE) * own
        levels, without = _pooled(np.mean(away**2, axis=0) / SCORE_VARIANCE, tree)
        runs = np.bincount(tree.codes[-1])[tree.codes[-1]]
        own = np.sqrt((RUNS_TO_TELL + runs * levels[-1][tree.codes[-1]] ** 2) / (RUNS_TO_TELL + runs))
    return levels, without


def _pooled(square: Floats, tree: Tree) -> tuple[list[Floats], Floats]:
    levels: list[Floats] = []
    without = np.ones(square.size)
    for level, code in enumerate(tree.codes):
        size = tree.parents[level].size
        total = np.bincount(code, weights=square, minlength=size)
        count = np.bincount(code, minlength=size)
        parent = np.ones(size) if level == 0 else levels[-1][tree.parents[level]]
        levels.append((GROUP_PRIOR_RUNS * parent + total) / (GROUP_PRIOR_RUNS + count))
        without = (GROUP_PRIOR_RUNS * without + total[code] - square) / (GROUP_PRIOR_RUNS + count[code] - 1)
    return [np.sqrt(level) for level in levels], np.sqrt(np.maximum(without, 1e-4))


def outlier_scales(score: Floats) -> Floats:
    """By run: how many times its variance must be larger for it to lie no further out than ``MAX_ORDINARY`` SDs.

    So an outlier pulls like a run at that distance: Huber's weights (1964), at most ``MAX_OUTLYING`` since values are
    winsorised.
    """
    away = np.abs(score) / _core(score)
    return np.asarray(np.clip(away / MAX_ORDINARY, 1.0, MAX_OUTLYING))


def _core(score: Floats) -> float:
    """SD of the bulk, from four runs in five."""
    bulk = float(np.quantile(np.abs(score), 0.8)) / Z_P90
    size = score.size
    return max((size * bulk + PRIOR_RUNS) / (size + PRIOR_RUNS), 1e-3)


def usual(log_sd: Floats, code: Ints, num_groups: int, share: float = 0.9) -> Floats:
    """By group, the smallest spread that at least ``share`` of its runs stay within; 0 for an empty group."""
    counts = np.bincount(code, minlength=num_groups)
    rank = np.maximum(np.ceil(share * counts - 1e-9).astype(np.int64), 1)
    last = np.cumsum(counts) - counts + rank - 1
    ordered = np.append(log_sd[np.lexsort((log_sd, code))], 0.0)
    return np.where(counts > 0, ordered[np.minimum(last, log_sd.size)], 0.0)


def adapt(ratio: float, within: Iterable[bool], level: float = 0.8) -> float:
    """The width ratio after further hits and misses of intervals at ``level``.

    Adaptive conformal inference (Gibbs and Candes 2021) on the log of the width: each miss widens by ``STEP`` x level,
    each hit narrows by ``STEP`` x (1 - level), so that the share of hits tends to the level whatever the runs do.

    >>> round(adapt(1.0, [False]), 4), round(adapt(1.0, [True] * 4 + [False]), 4)
    (1.0661, 1.0)
    """
    for hit in within:
        ratio *= math.exp(STEP * ((0.0 if hit else 1.0) - (1 - level)))
        ratio = min(max(ratio, MIN_WIDTH_RATIO), MAX_WIDTH_RATIO)
    return ratio
