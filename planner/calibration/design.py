"""Past runs of one resource as columns: spots of runs that are alike in everything, and the effects acting on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.calibration.crossed import Column, Spots
from planner.calibration.observed import Observed
from planner.calibration.resolve import MIN_LOG_SD, SHARED, acting
from planner.calibration.robust import Floats, Ints
from planner.calibration.shrinkage import Tree, without_outliers
from planner.calibration.table import nest
from planner.calibration.traits import Traits
from planner.units import DAY_S

HALF_LIFE_S = 365 * DAY_S
"""A run so much older than the newest one counts half."""
MIN_WEIGHT = 0.1
MAX_LEVELS = 400
"""Labels of one kind with an effect of their own: those with the most runs."""
SHARED_SHARE, LABEL_SHARE = 0.5, 0.45
"""SD assumed of what all runs share, and of the effect of a label, as shares of the spread that the physics gives."""
JOINT_SHARE = 0.15
"""SD assumed of effects of labels together as a share of that of one label."""
TERM_SHARE = 0.3
"""The same of a term."""


@dataclass(frozen=True)
class Design:
    """Runs by spot. Bounds come last, each as a spot of its own."""

    runs: tuple[Observed, ...]
    """Sorted, bounds left out."""
    raw: Floats
    """Log ratio by run."""
    value: Floats
    """The same, pulled in where it is an outlier."""
    weight: Floats
    spot: Ints
    """By run, its spot."""
    traits: tuple[Traits, ...]
    """By spot."""
    positions: Floats
    """By spot."""
    flags: Ints
    """By spot, an index for each flag's value."""
    num_runs: Ints
    """By spot."""
    newest_s: Floats
    """By spot, end of its last run."""
    names: tuple[tuple[str, ...], ...]
    tree: Tree
    """Nested groups of the runs."""
    columns: tuple[Column, ...]
    spots: Spots
    physics_log_sd: float
    """Spread that the physics gives these runs: how far it is off before any of them was seen."""


def design(rows: Sequence[Observed], prior_log_sd: float) -> Design:
    """The columns of one resource; the order of the rows leaves no trace."""
    ordered = sorted(rows, key=lambda row: (row.run_id, row.ended_at, row.log_ratio, row.traits.groups))
    runs = [row for row in ordered if not row.is_bound]
    bounds = [row for row in ordered if row.is_bound]
    raw = np.array([row.log_ratio for row in runs])
    stated = np.median([row.estimate_log_sd for row in runs])
    physics_log_sd = float(np.clip(stated, MIN_LOG_SD, prior_log_sd))
    names, tree = nest([row.traits.groups for row in runs])
    counts = [np.bincount(code, minlength=parent.size) for code, parent in zip(tree.codes, tree.parents, strict=True)]
    value = without_outliers(raw, tree, counts, prior_log_sd)
    ended_s = np.array([row.ended_at.timestamp() for row in runs])
    weight = np.maximum(0.5 ** ((ended_s.max() - ended_s) / HALF_LIFE_S), MIN_WEIGHT)

    index: dict[tuple[object, ...], int] = {}
    spot = np.fromiter((index.setdefault(_key(row), len(index)) for row in runs), dtype=np.int64, count=len(runs))
    size = len(index)
    first = np.zeros(size, dtype=np.int64)
    first[spot[::-1]] = np.arange(len(runs))[::-1]
    num_runs = np.bincount(spot, minlength=size)
    total = np.bincount(spot, weights=weight, minlength=size)
    mean = np.bincount(spot, weights=weight * value, minlength=size) / total
    squares = np.bincount(spot, weights=weight * (value - mean[spot]) ** 2, minlength=size)
    newest_s = np.full(size, -np.inf)
    np.maximum.at(newest_s, spot, ended_s)
    one = np.ones(len(bounds))
    spots = Spots(
        mean=np.append(mean, np.zeros(len(bounds))),
        weight=np.append(total, one),
        squares=np.append(squares, np.zeros(len(bounds))),
        degrees=np.append(num_runs - 1.0, np.zeros(len(bounds))),
        scale=np.append(np.ones(size), one),
        bounds=np.array([row.log_ratio for row in bounds]),
    )
    members = [runs[number] for number in first] + bounds
    return Design(
        runs=tuple(runs),
        raw=raw,
        value=value,
        weight=weight,
        spot=spot,
        traits=tuple(row.traits for row in members),
        positions=_padded([row.traits.position for row in members], 0.0).astype(np.float64),
        flags=_codes(_padded([row.traits.flags for row in members], "")),
        num_runs=num_runs,
        newest_s=newest_s,
        names=names,
        tree=tree,
        columns=_columns(members, np.append(num_runs, one).astype(np.int64), physics_log_sd),
        spots=spots,
        physics_log_sd=physics_log_sd,
    )


def _padded(rows: Sequence[tuple[Any, ...]], filler: float | str) -> np.ndarray:
    width = max(map(len, rows))
    return np.array([(*row, *([filler] * (width - len(row)))) for row in rows]).reshape(len(rows), width)


def _codes(flags: np.ndarray) -> Ints:
    codes = np.zeros(flags.shape, dtype=np.int64)
    for place, column in enumerate(flags.T):
        codes[:, place] = np.unique(column, return_inverse=True)[1].reshape(-1)
    return codes


def _key(row: Observed) -> tuple[object, ...]:
    traits = row.traits
    return traits.groups, traits.effects, traits.position, traits.flags


def _columns(members: Sequence[Observed], num_runs: Ints, physics_log_sd: float) -> tuple[Column, ...]:
    by_kind: dict[str, list[tuple[int, str, float]]] = {}
    for number, row in enumerate(members):
        for kind, name, value in acting(row.traits, row.terms):
            by_kind.setdefault(kind, []).append((number, name, value))
    found = []
    for kind, rows in by_kind.items():
        runs_by_name: dict[str, int] = {}
        for number, name, _ in rows:
            runs_by_name[name] = runs_by_name.get(name, 0) + int(num_runs[number])
        kept = sorted(sorted(runs_by_name), key=lambda name: -runs_by_name[name])[:MAX_LEVELS]
        place = {name: level for level, name in enumerate(sorted(kept))}
        codes, values = np.full(len(members), -1), np.zeros(len(members))
        for number, name, value in rows:
            codes[number], values[number] = place.get(name, -1), value
        share = SHARED_SHARE if kind == SHARED else LABEL_SHARE
        if kind.startswith("term"):
            share *= TERM_SHARE
        elif "," in kind:
            share *= JOINT_SHARE
        found.append(Column(kind, tuple(place), codes, values, share * physics_log_sd))
    return tuple(found)
