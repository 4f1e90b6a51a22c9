"""Crossed random effects: each label's effect on the log ratio, with variances learnt from the data.

Model: an observed spot (runs alike in everything) = sum over its labels of value x effect + the spot's own deviation +
noise / runs. All normal. Effects solve Henderson's mixed-model equations, variances come from EM with a weak prior
(Searle, Casella and McCulloch 1992, ch. 7 and 8). A bound (a run that needed at least so much) is an observation whose
value and weight come from the normal distribution beyond the bound (Tobin 1958; Newton's step of its likelihood).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from planner.calibration.robust import Floats, Ints

PRIOR_DEGREES = 2.0
"""Weight of the variances of effects assumed before data."""
WITHIN_DEGREES = 4.0
"""The same of spots and of noise."""
MIN_VARIANCE = 1e-5
MAX_SPOTS_FOR_VARIANCES = 4000
MAX_ROUNDS, MAX_ROUNDS_LARGE, LARGE = 30, 10, 500
TOLERANCE = 0.03
MIN_COLUMNS_FOR_DENSE, MAX_DENSE = 12, 1_500_000


@dataclass(frozen=True)
class Column:
    """One kind of effect: for each spot the index of its level (-1: none) and what the effect is multiplied by."""

    kind: str
    names: tuple[str, ...]
    codes: Ints
    values: Floats
    prior_log_sd: float


@dataclass(frozen=True)
class Spots:
    """Sufficient statistics of runs that are alike in everything; the last ``bounds.size`` spots are bounds."""

    mean: Floats
    weight: Floats
    """Runs, recent ones in full."""
    squares: Floats
    """Weighted sum of squares about the mean."""
    degrees: Floats
    scale: Floats
    """Variance relative to other spots."""
    bounds: Floats

    def subset(self, chosen: Ints) -> "Spots":
        """Some of the spots that are no bounds."""
        return Spots(
            mean=self.mean[chosen],
            weight=self.weight[chosen],
            squares=self.squares[chosen],
            degrees=self.degrees[chosen],
            scale=self.scale[chosen],
            bounds=np.zeros(0),
        )


class Assumed(NamedTuple):
    """Variances within a cell before data."""

    spot_variance: float
    noise_variance: float


@dataclass(frozen=True)
class Crossed:
    """What is known of every effect."""

    effects: Floats
    """One after the other, by column."""
    covariance: Floats
    offsets: tuple[int, ...]
    """Where each column's effects begin."""
    variances: Floats
    """By column, of an effect not seen yet."""
    spot_variance: float
    noise_variance: float

    def expected(self, columns: Sequence[Column]) -> tuple[Floats, Floats]:
        """Mean and variance of each spot's sum of effects."""
        index, value = _layout(columns, self.offsets)
        dense = _dense(index, value, self.effects.size)
        return _expected(index, value, dense, self.effects, self.covariance)


def solve(columns: Sequence[Column], spots: Spots, *, assumed: Assumed, start: "Crossed | None" = None) -> Crossed:
    """Effects and variances; ``assumed`` are those of spots and noise before data.

    ``start`` has variances to begin with: those of a solution that cannot be far.
    """
    state = (
        np.array([column.prior_log_sd**2 for column in columns]) if start is None else start.variances,
        assumed.spot_variance if start is None else start.spot_variance,
        assumed.noise_variance if start is None else start.noise_variance,
    )
    num_real = spots.mean.size - spots.bounds.size
    if num_real <= MAX_SPOTS_FOR_VARIANCES:
        return _iterate(columns, spots, state, assumed)
    chosen = np.linspace(0, num_real - 1, MAX_SPOTS_FOR_VARIANCES).astype(np.int64)
    some = _iterate([_of(column, chosen) for column in columns], spots.subset(chosen), state, assumed)
    state = (some.variances, some.spot_variance, some.noise_variance)
    return _iterate(columns, spots, state, assumed, rounds=2)


def _of(column: Column, chosen: Ints) -> Column:
    return Column(column.kind, column.names, column.codes[chosen], column.values[chosen], column.prior_log_sd)


def _iterate(
    columns: Sequence[Column],
    spots: Spots,
    state: tuple[Floats, float, float],
    assumed: Assumed,
    rounds: int | None = None,
) -> Crossed:
    variances, spot_variance, noise_variance = state
    offsets = tuple(np.cumsum([0, *(len(column.names) for column in columns)]).tolist())
    size = offsets[-1]
    index, value = _layout(columns, offsets)
    dense = _dense(index, value, size)
    owner = np.repeat(np.arange(len(columns)), [len(column.names) for column in columns])
    prior = np.array([column.prior_log_sd**2 for column in columns])
    counts = np.bincount(owner, minlength=len(columns))
    num_real = spots.mean.size - spots.bounds.size
    real = slice(0, num_real)
    effects: Floats = np.zeros(size)
    covariance: Floats = np.diag(variances[owner])
    limit = rounds or (MAX_ROUNDS_LARGE if size > LARGE else MAX_ROUNDS)
    for number in range(limit):
        spread = spots.scale * (spot_variance + noise_variance / spots.weight)
        precision, target = 1 / spread, spots.mean.copy()
        if spots.bounds.size:
            expected = np.sum(value[num_real:] * effects[index[num_real:]], axis=1)
            precision[num_real:], target[num_real:] = _tobit(spots.bounds, expected, spread[num_real:])
        normal, right = _equations(index, value, dense, precision, target, size)
        normal[np.diag_indices(size)] += 1 / variances[owner]
        covariance = np.asarray(np.linalg.inv(normal), dtype=np.float64)
        effects = np.asarray(covariance @ right, dtype=np.float64)
        if number == limit - 1:
            break
        mean, variance = _expected(
            index[real], value[real], None if dense is None else dense[real], effects, covariance
        )
        square = (spots.mean[real] - mean) ** 2 + variance
        second = np.bincount(owner, weights=effects**2, minlength=len(columns))
        known = counts - np.bincount(owner, weights=np.diag(covariance), minlength=len(columns)) / variances
        updated: Floats = (PRIOR_DEGREES * prior + second) / (PRIOR_DEGREES + known)
        own, shared = spots.scale[real] * spot_variance, spots.scale[real] * noise_variance / spots.weight[real]
        both = own + shared
        of_noise = (shared / both) ** 2 * square + own * shared / both
        deviation = own / both * (spots.mean[real] - mean)
        left = own * shared / both + (own / both) ** 2 * variance
        spot_known = num_real - float(np.sum(left / own))
        seen = float(np.sum(deviation**2 / spots.scale[real]))
        next_spot = (WITHIN_DEGREES * assumed.spot_variance + seen) / (WITHIN_DEGREES + spot_known)
        inside = float(np.sum((spots.squares[real] + spots.weight[real] * of_noise) / spots.scale[real]))
        degrees = float(np.sum(spots.degrees[real])) + num_real
        next_noise = (WITHIN_DEGREES * assumed.noise_variance + inside) / (WITHIN_DEGREES + degrees)
        before = np.array([*variances, spot_variance, noise_variance])
        variances = np.maximum(updated, MIN_VARIANCE)
        spot_variance, noise_variance = max(next_spot, MIN_VARIANCE), max(next_noise, MIN_VARIANCE)
        after = np.array([*variances, spot_variance, noise_variance])
        if np.max(np.abs(np.log(after / before))) < TOLERANCE:
            limit = min(limit, number + 2)
    return Crossed(effects, covariance, offsets, variances, spot_variance, noise_variance)


def _layout(columns: Sequence[Column], offsets: Sequence[int]) -> tuple[Ints, Floats]:
    """By spot and column: the place of the effect and its multiplier, 0 where the spot has none."""
    index = np.stack([np.maximum(c.codes, 0) + offset for c, offset in zip(columns, offsets, strict=False)], axis=1)
    value = np.stack([np.where(c.codes >= 0, c.values, 0.0) for c in columns], axis=1)
    return index, value


def _dense(index: Ints, value: Floats, size: int) -> Floats | None:
    """The design as a matrix, where that is the faster way: many columns, not too many spots."""
    if index.shape[1] < MIN_COLUMNS_FOR_DENSE or index.shape[0] * size > MAX_DENSE:
        return None
    matrix = np.zeros((index.shape[0], size))
    np.put_along_axis(matrix, index, value, axis=1)
    return matrix


def _equations(
    index: Ints, value: Floats, dense: Floats | None, precision: Floats, target: Floats, size: int
) -> tuple[Floats, Floats]:
    if dense is not None:
        weighted_rows = dense * precision[:, None]
        return dense.T @ weighted_rows, weighted_rows.T @ target
    normal = np.zeros(size * size)
    right = np.zeros(size)
    for one in range(index.shape[1]):
        weighted = value[:, one] * precision
        right += np.bincount(index[:, one], weights=weighted * target, minlength=size)
        pairs = index[:, one : one + 1] * size + index[:, one:]
        found = np.bincount(pairs.ravel(), weights=(weighted[:, None] * value[:, one:]).ravel(), minlength=size * size)
        normal += found
    square = normal.reshape(size, size)
    upper = np.triu(square, 1)
    return upper + upper.T + np.diag(np.diag(square)), right


def _expected(
    index: Ints, value: Floats, dense: Floats | None, effects: Floats, covariance: Floats
) -> tuple[Floats, Floats]:
    if dense is not None:
        return dense @ effects, np.maximum(np.einsum("sp,sp->s", dense @ covariance, dense), 0.0)
    mean, variance = np.sum(value * effects[index], axis=1), np.zeros(index.shape[0])
    for one in range(index.shape[1]):
        for other in range(one, index.shape[1]):
            twice = 1.0 if one == other else 2.0
            variance += twice * value[:, one] * value[:, other] * covariance[index[:, one], index[:, other]]
    return mean, np.maximum(variance, 0.0)


def _tobit(bounds: Floats, expected: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Precision and value of the observation that stands for 'more than the bound'."""
    sd = np.sqrt(variance)
    z = (bounds - expected) / sd
    hazard = np.array([_hazard(one) for one in z])
    weight = np.clip(hazard * (hazard - z), 1e-6, 1.0)
    return weight / variance, expected + sd * hazard / weight


def _hazard(z: float) -> float:
    """Density over upper tail of the standard normal; the expansion of Mills' ratio far out."""
    if z > 8:
        return z + 1 / z
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / (0.5 * math.erfc(z / math.sqrt(2)))
