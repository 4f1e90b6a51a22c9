"""Every run predicted from all others: effects without its own spot, then the nearest spots, then its own others."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from planner.calibration.crossed import Crossed
from planner.calibration.design import Design
from planner.calibration.resolve import FLAG_STEPS, MAX_NEAR
from planner.calibration.robust import Floats, Ints

MAX_SPOTS_PER_CELL = 24
"""The newest spots of a cell are kept."""
SHARES = (0.3, 0.6, 0.85, 0.95)
"""Shares of the variance within a cell that may be a spot's own rather than noise."""
REACHES = (0.3, 1.0, 3.0, 9.0)
DEFAULT_REACH = 3.0
NUM_FAR = 4
"""Spots of a cell that speak where it is seen as a cell of few runs."""
MAX_SCORED_FOR_CHOICE = 1500
MIN_GAIN = 3.0
"""Gain in log likelihood that a choice other than the default must bring."""


class Within(NamedTuple):
    """What holds among the runs of a cell."""

    spot: float
    """Variance of a spot's own deviation."""
    noise: float
    """Variance of runs that are alike in everything."""
    reach: float


@dataclass(frozen=True)
class Neighbours:
    """By spot, other spots of its cell that speak for it (-1: none), and how far away they are."""

    index: Ints
    distance: Floats
    has_siblings: bool
    """Whether other runs of the same spot speak too."""


class Views(NamedTuple):
    """Two ways of leaving a run out, between which runs to come lie."""

    near: Neighbours
    """With all that is remembered of its cell: as a cell that is well known."""
    far: Neighbours
    """With a few spots of its cell, near or not: as a cell of few runs."""
    kept: Ints
    """Spots that are remembered."""


@dataclass(frozen=True)
class LeftOut:
    """Runs predicted from all others."""

    runs: Ints
    expected: Floats
    log_sd: Floats
    score: Floats
    """(actual - expected) / log_sd."""


def views(design: Design) -> Views:
    """The nearest ``MAX_NEAR`` remembered spots of the same cell, and ``NUM_FAR`` of them taken evenly."""
    size = design.num_runs.size
    by_cell: dict[str, list[int]] = {}
    for number in range(size):
        by_cell.setdefault(design.traits[number].cell, []).append(number)
    index, scattered = np.full((size, MAX_NEAR), -1), np.full((size, MAX_NEAR), -1)
    distance, wide = np.zeros((size, MAX_NEAR)), np.zeros((size, MAX_NEAR))
    kept: list[Ints] = []
    for members in by_cell.values():
        spots = np.array(members)
        newest = spots[np.argsort(-design.newest_s[spots], kind="stable")[:MAX_SPOTS_PER_CELL]]
        kept.append(np.sort(newest))
        if spots.size == 1:
            continue
        apart = _apart(design, spots, newest)
        apart[spots[:, None] == newest[None, :]] = np.inf
        nearest = np.argsort(apart, axis=1, kind="stable")[:, :MAX_NEAR]
        found = np.take_along_axis(apart, nearest, axis=1)
        index[spots, : nearest.shape[1]] = np.where(np.isfinite(found), newest[nearest], -1)
        distance[spots, : nearest.shape[1]] = np.where(np.isfinite(found), found, 0.0)
        few = min(NUM_FAR, spots.size - 1)
        steps = 1 + (np.arange(few) * (newest.size - 1)) // few
        others = (np.arange(spots.size)[:, None] + steps) % newest.size
        found = np.take_along_axis(apart, others, axis=1)
        scattered[spots, :few] = np.where(np.isfinite(found), newest[others], -1)
        wide[spots, :few] = np.where(np.isfinite(found), found, 0.0)
    return Views(Neighbours(index, distance, True), Neighbours(scattered, wide, False), np.concatenate(kept))


def _apart(design: Design, one: Ints, other: Ints) -> Floats:
    square = ((design.positions[one][..., :, None, :] - design.positions[other][..., None, :, :]) ** 2).sum(axis=-1)
    differ = design.flags[one][..., :, None, :] != design.flags[other][..., None, :, :]
    square += FLAG_STEPS**2 * differ.sum(axis=-1)
    return np.asarray(np.sqrt(square))


@dataclass(frozen=True)
class Cavity:
    """By spot: mean of its sum of effects, and mean and variance of the same without the spot itself."""

    mean: Floats
    without: Floats
    variance: Floats


def cavity(design: Design, crossed: Crossed) -> Cavity:
    """What the other spots say of each spot's sum of effects (the cavity distribution of a Gaussian)."""
    spots = design.spots
    mean, variance = crossed.expected(design.columns)
    told = spots.scale * (crossed.spot_variance + crossed.noise_variance / spots.weight)
    variance = np.clip(variance, 1e-12, told * (1 - 1e-9))
    free = 1 / (1 / variance - 1 / told)
    return Cavity(mean, free * (mean / variance - spots.mean / told), free)


def choose(design: Design, crossed: Crossed, others: Cavity, seen: Views) -> Within:
    """What predicts left-out runs best in both views: first the reach, then how the variance is shared."""
    both = crossed.spot_variance + crossed.noise_variance
    best = Within(crossed.spot_variance, crossed.noise_variance, DEFAULT_REACH)
    if not np.any(seen.near.index >= 0):
        return best
    chosen = np.unique(np.linspace(0, len(design.runs) - 1, MAX_SCORED_FOR_CHOICE).astype(np.int64))
    pairs = [_pairs(design, view, design.spot[chosen]) for view in (seen.near, seen.far)]

    def likelihood(candidate: Within) -> float:
        total = 0.0
        for view, apart in zip((seen.near, seen.far), pairs, strict=True):
            found = leave_out(design, others, view, candidate, chosen, apart)
            total += float(np.sum(-np.log(found.log_sd) - np.minimum(found.score**2, 9.0) / 2))
        return total / 2

    top = likelihood(best)
    for step in ("reach", "share"):
        candidates = (
            [best._replace(reach=reach) for reach in REACHES]
            if step == "reach"
            else [best._replace(spot=share * both, noise=(1 - share) * both) for share in SHARES]
        )
        value, candidate = max((likelihood(one), one) for one in candidates)
        if value > top + MIN_GAIN:
            top, best = value, candidate
    return best


def _pairs(design: Design, near: Neighbours, spots: Ints) -> Floats:
    """Distances among the neighbours of each of these spots; infinite where there is none."""
    index = near.index[spots]
    absent = index < 0
    apart = _apart(design, index, index)
    apart[absent[:, :, None] | absent[:, None, :]] = np.inf
    return apart


def leave_out(
    design: Design, others: Cavity, near: Neighbours, within: Within, chosen: Ints, pairs: Floats | None = None
) -> LeftOut:
    """The chosen runs, each predicted without itself: exact but that the variances are those of all runs."""
    own, noise, reach = within
    spots = design.spots
    spot = design.spot[chosen]
    index = near.index[spot]
    present = index >= 0
    apart = _pairs(design, near, spot) if pairs is None else pairs
    kernel = own * np.exp(-apart / reach)
    diagonal = np.arange(MAX_NEAR)
    kernel[:, diagonal, diagonal] = np.where(present, own + noise / spots.weight[index], 1.0)
    asked = np.where(present, own * np.exp(-near.distance[spot] / reach), 0.0)
    moved = (others.without - others.mean)[spot]
    residual = np.where(present, spots.mean[index] - others.mean[index] - moved[:, None], 0.0)
    solved = np.linalg.solve(kernel, np.stack([residual, asked], axis=2))
    local = np.einsum("bi,bi->b", asked, solved[:, :, 0])
    local_variance = np.maximum(own - np.einsum("bi,bi->b", asked, solved[:, :, 1]), 0.0)

    before, before_variance = others.without[spot] + local, others.variance[spot] + local_variance
    weight, value = design.weight[chosen], design.value[chosen]
    rest = spots.weight[spot] - weight
    rest = np.where((design.num_runs[spot] > 1) & near.has_siblings, np.maximum(rest, 0.0), 0.0)
    siblings = (spots.weight[spot] * spots.mean[spot] - weight * value) / np.where(rest > 0, rest, 1.0)
    precision = 1 / before_variance + rest / noise
    expected = (before / before_variance + rest / noise * siblings) / precision
    log_sd = np.sqrt(spots.scale[spot] * (1 / precision + noise))
    return LeftOut(chosen, expected, log_sd, (design.raw[chosen] - expected) / log_sd)
