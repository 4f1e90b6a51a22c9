"""Residuals of past runs to one version of a calibration."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import numpy as np

from planner.calibration.conformal import (
    MIN_RUNS_FOR_SPREAD,
    group_scales,
    nearness_ratios,
    outlier_scales,
    score_quantiles,
    usual,
)
from planner.calibration.crossed import Assumed, Crossed, solve
from planner.calibration.design import Design, design
from planner.calibration.nearness import Cavity, cavity, leave_out, views
from planner.calibration.observed import Facts, Observed, observed
from planner.calibration.residuals import Residual
from planner.calibration.resolve import SHARED
from planner.calibration.robust import Floats, Ints
from planner.calibration.within import by_run, choose
from planner.domain.calibration import Calibration, Effect, EffectKind, NearSpot, ResourceCalibration, Spread
from planner.domain.estimate import Resource

METHOD = "crossed-effects-3"
"""Names the statistics: raise it when the same residuals would give another calibration."""

PRIOR_LOG_SD: dict[Resource, float] = {
    "peak_allocated_bytes": 0.3,
    "peak_reserved_bytes": 0.3,
    "peak_device_bytes": 0.3,
    "host_peak_bytes": 0.5,
    "tokens_per_s_per_accelerator": 0.5,
    "start_up_s": 0.8,
    "duration_s": 0.5,
    "checkpoint_s": 0.8,
    "checkpoint_bytes": 0.3,
    "network_bytes": 0.5,
    "cost_usd": 0.5,
    "energy_j": 0.4,
}
"""How far the physics may be off on the whole before any run is seen: SD of log(actual / estimate). A judgement."""
SPOT_SHARE, NOISE_SHARE = 0.55, 0.25
"""SD of a configuration's own deviation, and of runs alike in everything, as shares of the spread of the physics.

Measured on published runs of 41 cells (fms-acceleration, llm-foundry, InternEvo, peft, MLPerf): .4 to .9 and .1 to .6.
"""
SPREAD_LEVEL = 1
"""Level of the groups whose runs tell the physics' usual spread together: the accelerator."""
PASSES = 3
"""At most so often effects and spreads are learnt in turn."""
MIN_CHANGE = 0.15
MIN_CELLS_ALONE = 5
MAX_SCORED_RUNS = 5000
"""The newest runs tell the width of the intervals."""


def fit(
    residuals: Sequence[Residual],
    *,
    as_of: datetime,
    prior: str,
    facts: Mapping[str, Facts] | None = None,
    bounds: Sequence[Observed] = (),
    width_ratios: Mapping[Resource, Mapping[str, float]] | None = None,
) -> Calibration:
    """What runs that ended before ``as_of`` say about the physics named ``prior``.

    ``facts`` by run id tell what may explain a residual; ``bounds`` are failed and killed runs. ``width_ratios`` are
    what hits and misses of earlier intervals demand. The same runs in any order give the same calibration, to the last
    bit; a resource without a finished run has no calibration.
    """
    used = [residual for residual in residuals if residual.ended_at < as_of]
    known = facts or {}
    limits = [bound for bound in bounds if bound.ended_at < as_of]
    ratios = width_ratios or {}
    fingerprint = _hash(
        [f"{r.run_id}\t{r.resource}\t{r.log_ratio!r}\t{r.groups[-1]}\t{known.get(r.run_id, ('',))[0]}" for r in used]
        + [f"{b.run_id}\t{b.resource}\t>{b.log_ratio!r}\t{b.traits}" for b in limits]
    )
    width_text = repr(sorted((resource, sorted(found.items())) for resource, found in ratios.items()))
    return Calibration(
        calibration_id=_hash([fingerprint, as_of.astimezone(UTC).isoformat(), prior, METHOD, width_text]),
        as_of=as_of,
        fitted_through=max((residual.ended_at for residual in used), default=None),
        num_runs=len({residual.run_id for residual in used}),
        data_fingerprint=fingerprint,
        prior=prior,
        method=METHOD,
        resources=learn([*observed(used, known), *limits], ratios),
    )


def learn(
    rows: Iterable[Observed],
    width_ratios: Mapping[Resource, Mapping[str, float]] | None = None,
    passes: int = PASSES,
) -> tuple[ResourceCalibration, ...]:
    """One calibration a resource that has a run which is no bound; ``passes`` over effects and spreads in turn."""
    by_resource: dict[Resource, list[Observed]] = {}
    for row in rows:
        by_resource.setdefault(row.resource, []).append(row)
    return tuple(
        _learn(resource, by_resource[resource], (width_ratios or {}).get(resource, {}), passes)
        for resource in get_args(Resource)
        if any(not row.is_bound for row in by_resource.get(resource, ()))
    )


def _learn(
    resource: Resource, rows: Sequence[Observed], width_ratios: Mapping[str, float], passes: int
) -> ResourceCalibration:
    data = design(rows, PRIOR_LOG_SD[resource])
    assumed = Assumed((SPOT_SHARE * data.physics_log_sd) ** 2, (NOISE_SHARE * data.physics_log_sd) ** 2)
    seen = views(data)
    newest = np.argsort([-row.ended_at.timestamp() for row in data.runs], kind="stable")
    chosen = np.sort(newest[:MAX_SCORED_RUNS])
    tree = data.tree.subset(chosen)
    crossed = solve(data.columns, data.spots, assumed=assumed)
    for number in range(passes):
        if number:
            crossed = solve(data.columns, data.spots, assumed=assumed, start=crossed)
        others = cavity(data, crossed)
        within, kin = choose(data, crossed, others, seen)
        each = by_run(data, within, kin, chosen)
        left = [leave_out(data, others, view, each, chosen) for view in (seen.near, seen.far)]
        is_near = np.stack([one.is_near for one in left])
        scores = np.stack([one.score for one in left]) * np.sqrt(data.spots.scale[data.spot[chosen]])
        nearness = nearness_ratios(scores, is_near)
        scores = scores / np.where(is_near, *nearness)
        levels, without = group_scales(scores, tree)
        scores = scores / without
        outlying = outlier_scales(scores[0])
        rescaled = _rescaled(data, chosen, levels, outlying)
        change = np.abs(np.log(rescaled / data.spots.scale))
        if float(np.quantile(change, 0.9)) < MIN_CHANGE:
            break
        data = replace(data, spots=replace(data.spots, scale=rescaled))
    kinds, shared = _kinds(data, crossed), _shared_variance(data, crossed)
    ratios, unseen = _joint_ratios(data, crossed, others, kinds, shared)
    degrees = 2.0 + float(data.spots.degrees.sum()) + data.num_runs.size / 2
    return ResourceCalibration(
        resource=resource,
        num_runs=len(data.runs),
        num_bounds=data.spots.bounds.size,
        kinds=kinds,
        cells=_cells(data, crossed, seen.kept),
        shared_log_variance=shared,
        joint_variance_ratios=ratios,
        unseen_variance_ratio=unseen,
        **within._asdict(),
        kin=kin,
        nearness_ratios=nearness,
        spreads=_spreads(data, levels),
        score_quantiles=score_quantiles(scores, data.weight[chosen], degrees),
        width_ratios=dict(width_ratios),
    )


def _rescaled(data: Design, chosen: Ints, levels: Sequence[Floats], outlying: Floats) -> Floats:
    """By spot: variance relative to others, from the spread of its group and from runs that are outliers."""
    group = levels[-1][data.tree.codes[-1]] ** 2
    run = np.ones(len(data.runs))
    run[chosen] = outlying
    size = data.num_runs.size
    by_spot = np.bincount(data.spot, weights=group * run, minlength=size) / data.num_runs
    return np.append(by_spot, np.ones(data.spots.bounds.size))


def _kinds(data: Design, crossed: Crossed) -> dict[str, EffectKind]:
    runs = np.append(data.num_runs, np.zeros(data.spots.bounds.size)).astype(np.float64)
    found = {}
    for place, column in enumerate(data.columns):
        block = slice(crossed.offsets[place], crossed.offsets[place + 1])
        seen = column.codes >= 0
        size = len(column.names)
        count = np.bincount(column.codes[seen], weights=runs[seen], minlength=size)
        total = np.bincount(column.codes[seen], weights=(runs * column.values)[seen], minlength=size)
        centre = np.where(count > 0, total / np.maximum(count, 1), 1.0)
        within = crossed.covariance[block, block]
        if column.kind == SHARED or column.kind.startswith("term"):
            contrast = np.diag(within)
        else:
            share = count / max(count.sum(), 1.0)
            against = within @ share
            contrast = np.diag(within) - 2 * against + share @ against
        found[column.kind] = EffectKind(
            log_variance=float(crossed.variances[place]),
            effects={
                name: Effect(float(effect), max(float(variance), 0.0), int(num), float(middle))
                for name, effect, variance, num, middle in zip(
                    column.names, crossed.effects[block], contrast, count, centre, strict=True
                )
            },
        )
    found[SHARED] = EffectKind(
        log_variance=0.0,
        effects={name: effect._replace(log_variance=0.0) for name, effect in found[SHARED].effects.items()},
    )
    return found


def _shared_variance(data: Design, crossed: Crossed) -> float:
    """Variance of the mean of all runs' sums of effects."""
    real = slice(0, data.num_runs.size)
    share = data.num_runs / data.num_runs.sum()
    average = np.zeros(crossed.effects.size)
    for column, offset in zip(data.columns, crossed.offsets, strict=False):
        codes, values = column.codes[real], column.values[real]
        seen = codes >= 0
        average += np.bincount(codes[seen] + offset, weights=(share * values)[seen], minlength=average.size)
    return max(float(average @ crossed.covariance @ average), 0.0)


def _joint_ratios(
    data: Design, crossed: Crossed, others: Cavity, kinds: Mapping[str, EffectKind], shared: float
) -> tuple[dict[str, float], float]:
    """By cell, and for one not seen: exact variance of the sum of effects over the sum of their variances.

    Not seen is as a cell is that has one spot, to the others.
    """
    size = data.num_runs.size
    apart = np.full(size, shared)
    for column in data.columns:
        known = list(kinds[column.kind].effects.values())
        variance = np.array([effect.log_variance for effect in known])
        centre = np.array([effect.centre for effect in known])
        code = np.maximum(column.codes[:size], 0)
        away = column.values[:size] - centre[code] if column.kind.startswith("term") else np.ones(size)
        apart += np.where(column.codes[:size] >= 0, away**2 * variance[code], 0.0)
    by_cell: dict[str, list[int]] = {}
    for number in range(size):
        by_cell.setdefault(data.traits[number].cell, []).append(number)
    _, exact = crossed.expected(data.columns)
    ratio = exact[:size] / np.maximum(apart, 1e-12)
    without = others.variance[:size] / np.maximum(apart, 1e-12)
    alone = [spots[0] for spots in by_cell.values() if len(spots) == 1]
    unseen = float(np.median(without[alone])) if len(alone) >= MIN_CELLS_ALONE else 1.0
    return {cell: float(np.mean(ratio[by_cell[cell]])) for cell in sorted(by_cell)}, min(max(unseen, 1e-3), 1.0)


def _cells(data: Design, crossed: Crossed, kept: Ints) -> dict[str, tuple[NearSpot, ...]]:
    mean, _ = crossed.expected(data.columns)
    found: dict[str, list[NearSpot]] = {}
    for number in kept.tolist():
        traits = data.traits[number]
        spot = NearSpot(
            traits.position,
            traits.flags,
            float(data.spots.mean[number] - mean[number]),
            float(data.spots.weight[number]),
        )
        found.setdefault(traits.cell, []).append(spot)
    return {name: tuple(found[name]) for name in sorted(found)}


def _spreads(data: Design, levels: Sequence[Floats]) -> dict[str, Spread]:
    log_sd = np.array([row.estimate_log_sd for row in data.runs])
    found = {}
    for level in range(len(levels)):
        together = min(level, SPREAD_LEVEL)
        peers = data.tree.ancestors(level, together)
        codes = data.tree.codes
        runs = np.bincount(codes[together], minlength=data.tree.parents[together].size)
        physics = usual(log_sd, codes[together], runs.size)
        own = np.bincount(codes[level], minlength=data.tree.parents[level].size)
        for index, name in enumerate(data.names[level]):
            if own[index] >= MIN_RUNS_FOR_SPREAD or level <= SPREAD_LEVEL:
                peer = peers[index]
                found[name] = Spread(float(levels[level][index]), int(runs[peer]), float(physics[peer]))
    return found


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
