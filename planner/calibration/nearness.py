"""Every run predicted from all others: effects without its own spot, then the nearest spots, then its own others."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.calibration.crossed import Crossed
from planner.calibration.design import Design
from planner.calibration.resolve import FLAG_STEPS, MAX_NEAR, MUCH_ALIKE
from planner.calibration.robust import Floats, Ints

MAX_SPOTS_PER_CELL = 24
"""The newest spots of a cell are kept."""
NUM_FAR = 4
"""Spots of a cell that speak where it is seen as a cell of few runs."""


class ByRun(NamedTuple):
    """What holds among the runs of each run's cell."""

    spot: Floats
    """Variance of a spot's own deviation."""
    noise: Floats
    """Variance of runs that are alike in everything."""
    reach: Floats


@dataclass(frozen=True)
class Neighbours:
    """By spot, other spots of its cell that speak for it (-1: none), and how far away they are."""

    index: Ints
    distance: Floats
    has_siblings: Ints
    """By spot, whether other runs of the same spot speak too: 1 or 0."""


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
    is_near: NDArray[np.bool_]
    """Whether a run much like it was there."""


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
    near = Neighbours(index, distance, np.ones(size, dtype=np.int64))
    far = Neighbours(scattered, wide, np.all(scattered < 0, axis=1).astype(np.int64))
    return Views(near, far, np.concatenate(kept))


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


def pairs(design: Design, near: Neighbours, spots: Ints) -> Floats:
    """Distances among the neighbours of each of these spots; infinite where there is none."""
    index = near.index[spots]
    absent = index < 0
    apart = _apart(design, index, index)
    apart[absent[:, :, None] | absent[:, None, :]] = np.inf
    return apart


def leave_out(
    design: Design, others: Cavity, near: Neighbours, within: ByRun, chosen: Ints, among: Floats | None = None
) -> LeftOut:
    """The chosen runs, each predicted without itself: exact but that the variances are those of all runs."""
    own, noise, reach = within
    far, share = reach[:, None], own[:, None]
    spots = design.spots
    spot = design.spot[chosen]
    index = near.index[spot]
    present = index >= 0
    apart = pairs(design, near, spot) if among is None else among
    kernel = share[:, :, None] * np.exp(-apart / far[:, :, None])
    diagonal = np.arange(MAX_NEAR)
    kernel[:, diagonal, diagonal] = np.where(present, share + noise[:, None] / spots.weight[index], 1.0)
    asked = np.where(present, share * np.exp(-near.distance[spot] / far), 0.0)
    moved = (others.without - others.mean)[spot]
    residual = np.where(present, spots.mean[index] - others.mean[index] - moved[:, None], 0.0)
    solved = np.linalg.solve(kernel, np.stack([residual, asked], axis=2))
    local = np.einsum("bi,bi->b", asked, solved[:, :, 0])
    local_variance = np.maximum(own - np.einsum("bi,bi->b", asked, solved[:, :, 1]), 0.0)

    before, before_variance = others.without[spot] + local, others.variance[spot] + local_variance
    weight, value = design.weight[chosen], design.value[chosen]
    rest = spots.weight[spot] - weight
    rest = np.where((design.num_runs[spot] > 1) & (near.has_siblings[spot] > 0), np.maximum(rest, 0.0), 0.0)
    siblings = (spots.weight[spot] * spots.mean[spot] - weight * value) / np.where(rest > 0, rest, 1.0)
    precision = 1 / before_variance + rest / noise
    expected = (before / before_variance + rest / noise * siblings) / precision
    log_sd = np.sqrt(spots.scale[spot] * (1 / precision + noise))
    is_near = np.any(present & (near.distance[spot] <= MUCH_ALIKE), axis=1) | (rest > 0)
    return LeftOut(chosen, expected, log_sd, (design.raw[chosen] - expected) / log_sd, is_near)
