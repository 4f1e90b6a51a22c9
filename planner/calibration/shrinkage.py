"""Nested groups, each shrunk towards the coarser one: what is known of every group's mean and of its next run.

Model, on log(actual / estimate): a run = its finest group's mean + noise; a group's mean = its parent's mean + an
effect; the root's mean = 0 + an effect whose SD is the physics' own. All normal. Given the variances, one pass up and
one down the tree give the exact posterior (Gaussian belief propagation: Pearl 1988; the same numbers as the BLUP of a
nested random-effects model, Searle, Casella and McCulloch 1992, ch. 7). The variances come from the data by moments.
"""

import math
from dataclasses import dataclass

import numpy as np

from planner.calibration.robust import (
    MAD_TO_SD,
    WINSORISED_VARIANCE,
    Floats,
    Ints,
    group_medians,
    pooled_scale,
    student_t_p90,
    weighted_quantile,
    winsorise,
)

EFFECT_SHARE = 0.3
"""SD of noise and of the effects of finer groups, before data, as a share of the SD of the root."""
PRIOR_DEGREES_OF_FREEDOM = 2.0
"""Weight of the variances assumed before data."""
VARIANCE_POOLING = 10.0
"""A group's noise is pooled with its parent's as if the parent had shown this many degrees of freedom."""
MIN_TAU = 0.02
"""No level of groups is taken to be more alike than this SD of the log ratio."""
MIN_RUNS_FOR_MEDIAN = 3
"""A group needs so many runs to say which of them is an outlier; smaller ones are judged by their parents."""
INTERVAL_PRIOR_RUNS = 20.0
"""Weight of Student's t against the observed quantile of standardised residuals."""
MIN_INTERVAL_FACTOR = 0.64


@dataclass(frozen=True)
class Tree:
    """Nested groups by index, coarse to fine; the first level holds one group, the root. Groups may be empty."""

    codes: tuple[Ints, ...]
    """By level, for each run the index of its group."""
    parents: tuple[Ints, ...]
    """By level, for each group the index of its parent in the coarser level."""

    def subset(self, chosen: np.ndarray) -> "Tree":
        """The same groups with only the chosen runs (a mask or indices)."""
        return Tree(codes=tuple(code[chosen] for code in self.codes), parents=self.parents)

    def ancestors(self, level: int, coarser: int) -> Ints:
        """For each group of a level the index of the group of a coarser (or the same) level that holds it."""
        found = np.arange(self.parents[level].size)
        for step in range(level, coarser, -1):
            found = self.parents[step][found]
        return found


@dataclass(frozen=True)
class LevelPosterior:
    """What is known of the groups of one level, one entry a group."""

    num_runs: Ints
    mean: Floats
    """Of the group's mean log ratio; an empty group has its parent's."""
    variance: Floats
    """Of the group's mean log ratio."""
    log_sd: Floats
    """Predictive SD of the next run: one of a finer group not seen yet, unless the level is the finest."""
    half_width: Floats
    """Half of the 80 % interval of that run's log ratio."""


def shrink(log_ratio: Floats, tree: Tree, prior_log_sd: float) -> tuple[LevelPosterior, ...]:
    """Posterior of every group of every level, coarse to fine. No runs: the prior.

    Downwards each group hears what its parent knows without it. The same leave-one-out means, of a group for its
    parent's next new group and of a run for its finest group, tell how wide an honest interval is.
    """
    sizes = [parents.size for parents in tree.parents]
    counts = [np.bincount(code, minlength=size) for code, size in zip(tree.codes, sizes, strict=True)]
    values = without_outliers(log_ratio, tree, counts, prior_log_sd)
    noise, degrees, noise_without = _noise_variances(values, tree, counts, prior_log_sd)

    up = _upward(values, tree, counts, noise, EFFECT_SHARE * prior_log_sd)
    prior_mean, prior_variance = np.zeros(sizes[0]), np.full(sizes[0], prior_log_sd**2)
    levels = []
    for level, code in enumerate(tree.codes):
        precision = up.precisions[level] + 1 / prior_variance
        mean = (up.precisions[level] * up.means[level] + prior_mean / prior_variance) / precision
        finer = float(up.tau2[level + 1 :].sum())
        log_sd = np.sqrt(noise[level] + 1 / precision + finer)
        if level + 1 < len(sizes):
            parent, child, message = tree.parents[level + 1], tree.codes[level + 1], up.messages[level + 1]
            others = precision[parent] - message
            prior_mean = (precision[parent] * mean[parent] - message * up.means[level + 1]) / others
            prior_variance = 1 / others + up.tau2[level + 1]
            spread = np.sqrt(prior_variance + finer - up.tau2[level + 1] + noise[level][parent])
            standardised = (log_ratio - prior_mean[child]) / spread[child]
            weight, independent = 1.0 / counts[level + 1][child], int(np.count_nonzero(counts[level + 1]))
        else:
            before = 1 / prior_variance[code]
            others = (counts[level][code] - 1) / noise_without + before
            rest = (up.means[level] * counts[level])[code] - values
            expected = (rest / noise_without + prior_mean[code] * before) / others
            standardised = (log_ratio - expected) / np.sqrt(noise_without + 1 / others)
            weight, independent = np.ones(code.size), code.size
        half_width = log_sd * _interval_factor(np.abs(standardised), weight, independent, degrees[level])
        levels.append(LevelPosterior(counts[level], mean, 1 / precision, log_sd, half_width))
    return tuple(levels)


@dataclass(frozen=True)
class _Upward:
    """What each group's own runs say of it, by level, before its parent is asked."""

    means: list[Floats]
    precisions: list[Floats]
    messages: list[Floats]
    """Precision of what a group says of its parent's mean."""
    tau2: Floats
    """By level, the variance of the groups' effects."""


def _upward(values: Floats, tree: Tree, counts: list[Ints], noise: list[Floats], effect_sd: float) -> _Upward:
    finest, size = len(counts) - 1, counts[-1].size
    total = np.bincount(tree.codes[finest], weights=values, minlength=size).astype(np.float64)
    means, precisions = [total / np.maximum(counts[finest], 1)], [counts[finest] / noise[finest]]
    messages: list[Floats] = []
    tau2 = np.zeros(len(counts))
    for level in range(finest, 0, -1):
        parent, size = tree.parents[level], counts[level - 1].size
        tau2[level] = between_variance(means[0], precisions[0], parent, effect_sd)
        message = precisions[0] / (1 + precisions[0] * tau2[level])
        precision = np.bincount(parent, weights=message, minlength=size).astype(np.float64)
        weighted = np.bincount(parent, weights=message * means[0], minlength=size)
        messages.insert(0, message)
        means.insert(0, weighted / np.where(precision > 0, precision, 1.0))
        precisions.insert(0, precision)
    return _Upward(means, precisions, [np.zeros(counts[0].size), *messages], tau2)


def between_variance(means: Floats, precisions: Floats, parents: Ints, prior_sd: float) -> float:
    """Variance of the children's effects about their parents, by moments, pooled with a prior.

    Generalised DerSimonian-Laird with weights 1 / (v + tau^2), iterated (DerSimonian and Kacker 2007, eq. 6).
    """
    seen = precisions > 0
    mean, variance, parent = means[seen], 1 / precisions[seen], parents[seen]
    size = int(parents.max()) + 1
    degrees = mean.size - np.count_nonzero(np.bincount(parent, minlength=size))
    tau2 = prior_sd**2
    for _ in range(20 if degrees else 0):
        weight = 1 / (variance + tau2)
        whole = np.bincount(parent, weights=weight, minlength=size)
        centre = np.bincount(parent, weights=weight * mean, minlength=size) / np.where(whole > 0, whole, 1.0)
        rest = weight * (1 - weight / whole[parent])
        observed = float(np.sum(weight * (mean - centre[parent]) ** 2) - np.sum(rest * variance))
        updated = max(0.0, observed / float(np.sum(rest)))
        if abs(updated - tau2) < 1e-9:
            break
        tau2 = updated
    pooled = (PRIOR_DEGREES_OF_FREEDOM * prior_sd**2 + degrees * tau2) / (PRIOR_DEGREES_OF_FREEDOM + degrees)
    return max(float(pooled), MIN_TAU**2)


def without_outliers(log_ratio: Floats, tree: Tree, counts: list[Ints], prior_log_sd: float) -> Floats:
    """Log ratios winsorised about the median of the finest group that is large enough to judge; else about 0."""
    centre = np.zeros(log_ratio.size)
    scale = np.full(log_ratio.size, prior_log_sd)
    for code, count in zip(tree.codes, counts, strict=True):
        large = (count >= MIN_RUNS_FOR_MEDIAN)[code]
        centre[large] = group_medians(log_ratio, code, count.size)[code][large]
    code, count = tree.codes[-1], counts[-1]
    large = (count >= MIN_RUNS_FOR_MEDIAN)[code]
    deviation = log_ratio - centre
    seen = np.count_nonzero(large)
    assumed = EFFECT_SHARE * prior_log_sd
    squares = seen * pooled_scale(deviation[large], count[code][large]) ** 2 + VARIANCE_POOLING * assumed**2
    pooled = math.sqrt(squares / (seen + VARIANCE_POOLING))
    own = group_medians(np.abs(deviation), code, count.size) * MAD_TO_SD
    blended = np.sqrt((count * own**2 + VARIANCE_POOLING * pooled**2) / (count + VARIANCE_POOLING))
    scale[large] = np.maximum(blended, pooled)[code][large]
    scale[~large] = np.hypot(prior_log_sd, pooled)
    return winsorise(log_ratio, centre, scale)


def _noise_variances(
    values: Floats, tree: Tree, counts: list[Ints], prior_log_sd: float
) -> tuple[list[Floats], list[Floats], Floats]:
    """By level: variance of runs within the finest groups, pooled towards the parent, and its degrees of freedom.

    Last, for each run the variance of its finest group when the run itself is left out. Where no finest group holds
    two runs, noise and effects cannot be told apart: half of the variance is called noise.
    """
    code, count = tree.codes[-1], counts[-1]
    mean = np.bincount(code, weights=values, minlength=count.size) / np.maximum(count, 1)
    square = (values - mean[code]) ** 2 / WINSORISED_VARIANCE
    paired = count[code] > 1
    left_out = np.where(paired, square / np.where(paired, 1 - 1 / count[code], 1.0), 0.0)
    before = (EFFECT_SHARE * prior_log_sd) ** 2
    if values.size:
        before = max(before, float(np.var(values)) / 2)
    variances: list[Floats] = []
    degrees: list[Floats] = []
    without, without_degrees = np.full(values.size, before), np.full(values.size, PRIOR_DEGREES_OF_FREEDOM)
    for level, members in enumerate(tree.codes):
        size = counts[level].size
        squares = np.bincount(members, weights=square, minlength=size)
        own = np.bincount(members, weights=1.0 - 1.0 / count[code], minlength=size)
        if level == 0:
            pooled, weight = np.full(size, before), np.full(size, PRIOR_DEGREES_OF_FREEDOM)
        else:
            pooled = variances[-1][tree.parents[level]]
            weight = np.minimum(VARIANCE_POOLING, degrees[-1][tree.parents[level]])
        variances.append((weight * pooled + squares) / (weight + own))
        degrees.append(weight + own)
        weight = np.minimum(VARIANCE_POOLING, without_degrees)
        without_degrees = weight + own[members] - paired
        without = (weight * without + np.maximum(squares[members] - left_out, 0.0)) / without_degrees
    return variances, degrees, without


def _interval_factor(standardised: Floats, weight: Floats, independent: int, degrees: Floats) -> Floats:
    """Half of the 80 % interval in predictive SDs: Student's t, the more overruled by the data the more there are.

    ``standardised`` are absolute residuals of runs predicted without themselves.
    """
    student = student_t_p90(degrees)
    if not independent:
        return student
    observed = max(weighted_quantile(standardised, weight, 0.8), MIN_INTERVAL_FACTOR)
    return (independent * observed + INTERVAL_PRIOR_RUNS * student) / (independent + INTERVAL_PRIOR_RUNS)
