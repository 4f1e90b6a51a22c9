"""Predicts past runs from other past runs, and scores the predictions."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from planner.calibration.fit import PRIOR_LOG_SD
from planner.calibration.intervals import combined_half_width
from planner.calibration.residuals import Residual
from planner.calibration.robust import Floats, Ints
from planner.calibration.shrinkage import shrink
from planner.calibration.table import ResidualTable, tabulate
from planner.domain import Frozen
from planner.domain.estimate import Resource


class Prediction(Frozen):
    """One resource of one past run as it would have been predicted, beside what was used; base units."""

    run_id: str
    resource: Resource
    ended_at: datetime
    actual: float
    prior_p50: float
    """The physics alone."""
    p10: float
    p50: float
    p90: float
    num_runs_before: int
    """Runs in the group it was predicted from; 0: the physics alone."""
    within: bool
    """Whether the actual lies in the 80 % interval."""


class Score(Frozen):
    """How good the predictions of one resource are. All figures are ratios to the actual."""

    resource: Resource
    n: int
    prior_median_ape: float
    """Median of |estimate / actual - 1| of the physics alone."""
    median_ape: float
    p90_ape: float
    coverage_80: float
    """Share of actuals in the 80 % interval; .8 where the intervals are honest."""
    pinball_p10: float
    """Mean pinball (quantile) loss over the actual: Koenker and Bassett 1978."""
    pinball_p50: float
    pinball_p90: float
    log_bias: float
    """Median of ln(actual / p50): above 0 where predictions are too low."""


def rolling_origin(residuals: Sequence[Residual], *, max_refits: int = 60) -> tuple[Prediction, ...]:
    """Every run predicted by what had ended strictly before it, in order of ``ended_at``.

    The calibration is made anew at most ``max_refits`` times a resource, at times that divide the runs evenly; runs
    between two of these times know nothing of each other. The first runs have the physics alone.
    """
    found: list[Prediction] = []
    for table in tabulate(residuals):
        ends_s = np.sort(table.ended_at_s)
        origins_s = np.unique(ends_s[np.linspace(0, ends_s.size - 1, min(max_refits, ends_s.size)).astype(np.int64)])
        block = np.searchsorted(origins_s, table.ended_at_s, side="right") - 1
        for number, origin_s in enumerate(origins_s):
            past, targets = np.flatnonzero(table.ended_at_s < origin_s), np.flatnonzero(block == number)
            found.extend(_predict(table, past, targets))
    return tuple(sorted(found, key=lambda one: (one.ended_at, one.run_id, one.resource)))


def leave_one_out(residuals: Sequence[Residual]) -> tuple[Prediction, ...]:
    """Every run predicted by all others, later ones too: for small sets of runs without a history.

    One refit a run and resource, so the time grows with the square of the runs: 1,000 runs take some seconds.
    """
    found: list[Prediction] = []
    for table in tabulate(residuals):
        run_ids = np.array([residual.run_id for residual in table.residuals])
        for run_id in np.unique(run_ids):
            found.extend(_predict(table, np.flatnonzero(run_ids != run_id), np.flatnonzero(run_ids == run_id)))
    return tuple(sorted(found, key=lambda one: (one.ended_at, one.run_id, one.resource)))


def score(predictions: Iterable[Prediction]) -> tuple[Score, ...]:
    """One score a resource, in order of its name."""
    by_resource: dict[Resource, list[Prediction]] = {}
    for prediction in predictions:
        by_resource.setdefault(prediction.resource, []).append(prediction)
    return tuple(_score(resource, by_resource[resource]) for resource in sorted(by_resource))


def pinball_loss(actual: Floats, quantile: Floats, level: float) -> Floats:
    """Loss of a predicted quantile: ``level`` x the shortfall, or (1 - ``level``) x the excess. Koenker, Bassett 1978.

    >>> pinball_loss(np.array([10.0, 10.0]), np.array([8.0, 12.0]), 0.9).round(3).tolist()
    [1.8, 0.2]
    """
    missing = actual - quantile
    return np.maximum(level * missing, (level - 1) * missing)


def _predict(table: ResidualTable, past: Ints, targets: Ints) -> list[Prediction]:
    posteriors = shrink(table.log_ratio[past], table.tree.subset(past), PRIOR_LOG_SD[table.resource])
    bias, learnt, physics_log_sd, num_runs = (np.zeros(targets.size) for _ in range(4))
    for code, posterior in zip(table.tree.codes, posteriors, strict=True):
        seen = posterior.num_runs > 0
        spread = np.bincount(code[past], weights=table.estimate_log_sd[past], minlength=seen.size)
        group = code[targets]
        known = seen[group]
        bias[known] = posterior.mean[group][known]
        learnt[known] = posterior.half_width[group][known]
        physics_log_sd[known] = (spread / np.maximum(posterior.num_runs, 1))[group][known]
        num_runs[known] = posterior.num_runs[group][known]
    rows = [table.residuals[index] for index in targets]
    p10, p50, p90 = (np.array([getattr(row, f"estimate_{name}") for row in rows]) for name in ("p10", "p50", "p90"))
    upper = np.log(p90 / p50)
    lower = np.where(p10 > 0, np.log(p50 / np.where(p10 > 0, p10, p50)), upper)
    median = p50 * np.exp(bias)
    low = median * np.exp(-combined_half_width(lower, learnt, physics_log_sd, num_runs))
    high = median * np.exp(combined_half_width(upper, learnt, physics_log_sd, num_runs))
    return [
        Prediction(
            run_id=row.run_id,
            resource=row.resource,
            ended_at=row.ended_at,
            actual=row.actual,
            prior_p50=row.estimate_p50,
            p10=float(low[index]),
            p50=float(median[index]),
            p90=float(high[index]),
            num_runs_before=int(num_runs[index]),
            within=bool(low[index] <= row.actual <= high[index]),
        )
        for index, row in enumerate(rows)
    ]


def _score(resource: Resource, rows: list[Prediction]) -> Score:
    actual, prior, p10, p50, p90 = np.array([(r.actual, r.prior_p50, r.p10, r.p50, r.p90) for r in rows]).T
    errors = np.abs(p50 / actual - 1)
    return Score(
        resource=resource,
        n=len(rows),
        prior_median_ape=float(np.median(np.abs(prior / actual - 1))),
        median_ape=float(np.median(errors)),
        p90_ape=float(np.quantile(errors, 0.9)),
        coverage_80=float(np.mean([row.within for row in rows])),
        pinball_p10=float(np.mean(pinball_loss(actual, p10, 0.1) / actual)),
        pinball_p50=float(np.mean(pinball_loss(actual, p50, 0.5) / actual)),
        pinball_p90=float(np.mean(pinball_loss(actual, p90, 0.9) / actual)),
        log_bias=float(np.median(np.log(actual / p50))),
    )
