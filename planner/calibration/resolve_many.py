"""What a calibration says of many runs at once: the same as ``resolve`` of each, nearness by arrays."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.calibration.resolve import (
    FLAG_STEPS,
    MAX_NEAR,
    MUCH_ALIKE,
    NEAR,
    SAME,
    Asked,
    Local,
    Resolved,
    Step,
    resolved,
    summed,
)
from planner.calibration.robust import Floats, Ints
from planner.calibration.traits import Traits
from planner.domain.calibration import NearSpot, ResourceCalibration


def resolve_many(learnt: ResourceCalibration, asked: Sequence[Asked]) -> list[Resolved]:
    """In the order asked. Runs of one cell are looked up together: the more runs a cell, the faster."""
    sums = [summed(learnt, one.traits, one.terms, one.stated_log_sd) for one in asked]
    by_cell: dict[str, list[int]] = {}
    for number, one in enumerate(asked):
        if one.traits.cell in learnt.cells:
            by_cell.setdefault(one.traits.cell, []).append(number)
    found: list[Resolved | None] = [None] * len(asked)
    parts = [_nearest(learnt, cell, [asked[number].traits for number in rows]) for cell, rows in by_cell.items()]
    if parts:
        rows = [number for members in by_cell.values() for number in members]
        near = _Near(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        for number, local in zip(rows, _krige(near), strict=True):
            found[number] = resolved(learnt, asked[number].traits, sums[number], local)
    return [
        one or resolved(learnt, asked[number].traits, sums[number], _without(learnt, asked[number].traits))
        for number, one in enumerate(found)
    ]


def _without(learnt: ResourceCalibration, run: Traits) -> Local:
    return Local(None, learnt.within(run.kin).spot_log_variance, math.inf, False)


class _Near(NamedTuple):
    """By run, its nearest spots and what holds among them."""

    alike: Floats
    among: Floats
    """Likeness of the spots with each other."""
    log_ratio: Floats
    weight: Floats
    """0: no spot."""
    spot: Floats
    noise: Floats
    is_near: NDArray[np.bool_]


def _nearest(learnt: ResourceCalibration, cell: str, runs: Sequence[Traits]) -> _Near:
    spots = learnt.cells[cell]
    places, flags = _coded(spots, runs)
    reach = np.array([learnt.within(run.kin).reach for run in runs])
    size = len(spots)
    apart = _distance(places[size:], flags[size:], places[:size], flags[:size])
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :MAX_NEAR]
    between = _distance(places[:size], flags[:size], places[:size], flags[:size])
    width = nearest.shape[1]
    alike = np.zeros((len(runs), MAX_NEAR))
    alike[:, :width] = np.exp(-np.take_along_axis(apart, nearest, axis=1) / reach[:, None])
    among = np.zeros((len(runs), MAX_NEAR, MAX_NEAR))
    chosen = between[nearest[:, :, None], nearest[:, None, :]]
    among[:, :width, :width] = np.exp(-chosen / reach[:, None, None])
    ratio, weight = np.zeros((len(runs), MAX_NEAR)), np.zeros((len(runs), MAX_NEAR))
    ratio[:, :width] = np.array([spot.log_ratio for spot in spots])[nearest]
    weight[:, :width] = np.array([spot.weight for spot in spots])[nearest]
    own = [learnt.within(run.kin) for run in runs]
    return _Near(
        alike,
        among,
        ratio,
        weight,
        np.array([one.spot_log_variance for one in own]),
        np.array([one.noise_log_variance for one in own]),
        apart.min(axis=1) <= MUCH_ALIKE + 1e-9,
    )


def _coded(spots: Sequence[NearSpot], runs: Sequence[Traits]) -> tuple[Floats, Ints]:
    """Positions and flags of spots, then of runs; fields that only some of them have are left out."""
    members = [*((spot.position, spot.flags) for spot in spots), *((run.position, run.flags) for run in runs)]
    depth = min(len(position) for position, _ in members)
    width = min(len(flags) for _, flags in members)
    code: dict[str, int] = {}
    coded = [[code.setdefault(flag, len(code)) for flag in flags[:width]] for _, flags in members]
    places = np.array([position[:depth] for position, _ in members], dtype=np.float64).reshape(len(members), depth)
    return places, np.array(coded, dtype=np.int64).reshape(len(members), width)


def _distance(one: Floats, flags: Ints, other: Floats, others: Ints) -> Floats:
    square = ((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=2)
    differ = (flags[:, None, :] != others[None, :, :]).sum(axis=2)
    return np.asarray(np.sqrt(square + FLAG_STEPS**2 * differ))


def _krige(near: _Near) -> list[Local]:
    """Each run's own deviation, given those of its neighbours."""
    present = near.weight > 0
    spot, noise = near.spot[:, None], near.noise[:, None]
    weight = np.where(present, near.weight, 1.0)
    kernel = near.spot[:, None, None] * near.among
    diagonal = np.arange(MAX_NEAR)
    kernel[:, diagonal, diagonal] = np.where(present, spot + noise / weight, 1.0)
    asked = np.where(present, spot * near.alike, 0.0)
    solved = np.linalg.solve(kernel, np.stack([near.log_ratio, asked], axis=2))
    mean = np.einsum("bi,bi->b", asked, solved[:, :, 0])
    variance = np.maximum(near.spot - np.einsum("bi,bi->b", asked, solved[:, :, 1]), 0.0)
    same = np.where(present & (near.alike > SAME), noise / weight, math.inf).min(axis=1)
    columns = (mean, near.weight.sum(axis=1), variance, same, near.is_near)
    return [
        Local(Step(NEAR, local, round(runs)), left, told, is_near)
        for local, runs, left, told, is_near in zip(*(column.tolist() for column in columns), strict=True)
    ]
