"""Predicts past runs from other past runs, just as users are told, and scores the predictions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import numpy as np

from planner.calibration.apply import apply
from planner.calibration.compare import Case
from planner.calibration.fit import learn
from planner.calibration.robust import Floats, Ints
from planner.calibration.table import ResidualTable, tabulate
from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.estimate import Resource

FOLLOWS: dict[Resource, tuple[Resource, ...]] = {
    "duration_s": ("tokens_per_s_per_accelerator", "start_up_s"),
    "cost_usd": ("duration_s", "tokens_per_s_per_accelerator", "start_up_s"),
    "network_bytes": ("checkpoint_bytes",),
}
"""Resources that move with the corrections of others where they have none of their own, the most important first."""


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
    """Runs in the group it was predicted from (of a duration: its speed); 0: the physics alone."""
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


def rolling_origin(cases: Sequence[Case], *, prior: str, max_refits: int = 60) -> tuple[Prediction, ...]:
    """Every run predicted by what had ended strictly before it, in order of ``ended_at``.

    The calibration is made anew at most ``max_refits`` times, at times that divide the runs evenly; runs between two
    of these times know nothing of each other. The first runs have the physics alone.
    """
    ends_s = np.array([case.residuals[0].ended_at.timestamp() for case in cases])
    ordered_s = np.sort(ends_s)
    picked = np.linspace(0, ends_s.size - 1, min(max_refits, ends_s.size)).astype(np.int64)
    origins_s = np.unique(ordered_s[picked])
    block = np.searchsorted(origins_s, ends_s, side="right") - 1
    tables = _tables(cases)
    found: list[Prediction] = []
    for number, origin_s in enumerate(origins_s):
        past = [np.flatnonzero(table.ended_at_s < origin_s) for table in tables]
        targets = [cases[index] for index in np.flatnonzero(block == number).tolist()]
        found.extend(_predict(tables, past, targets, prior))
    return _in_order(found)


def leave_one_out(cases: Sequence[Case], *, prior: str) -> tuple[Prediction, ...]:
    """Every run predicted by all others, later ones too: for small sets of runs without a history.

    One refit a run, so the time grows with the square of the runs: 1,000 runs take some seconds.
    """
    tables = _tables(cases)
    run_ids = [np.array([residual.run_id for residual in table.residuals]) for table in tables]
    found: list[Prediction] = []
    for case in cases:
        others = [np.flatnonzero(of_table != case.residuals[0].run_id) for of_table in run_ids]
        found.extend(_predict(tables, others, [case], prior))
    return _in_order(found)


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


def _tables(cases: Sequence[Case]) -> tuple[ResidualTable, ...]:
    return tabulate(residual for case in cases for residual in case.residuals)


def _in_order(predictions: Iterable[Prediction]) -> tuple[Prediction, ...]:
    return tuple(sorted(predictions, key=lambda one: (one.ended_at, one.run_id, one.resource)))


def _predict(
    tables: Sequence[ResidualTable], past: Sequence[Ints], targets: Sequence[Case], prior: str
) -> Iterator[Prediction]:
    """What users would have been told of the targets, had they asked when only the past runs (by table) were known."""
    wanted = {group for case in targets for group in case.residuals[0].groups}
    learnt = [group for table, runs in zip(tables, past, strict=True) for group in learn(table, runs, wanted)]
    calibration = Calibration(
        calibration_id="backtest",
        as_of=min(case.residuals[0].ended_at for case in targets),
        fitted_through=None,
        num_runs=max((runs.size for runs in past), default=0),
        data_fingerprint="",
        prior=prior,
        groups=tuple(learnt),
    )
    for case in targets:
        told = apply(calibration, case.estimate, case.residuals[0].groups)
        runs_by_resource = {correction.resource: correction.num_runs for correction in told.provenance.corrections}
        for residual in case.residuals:
            quantiles = told.quantiles(residual.resource)
            if quantiles is None:
                continue
            sources = (residual.resource, *FOLLOWS.get(residual.resource, ()))
            yield Prediction(
                run_id=residual.run_id,
                resource=residual.resource,
                ended_at=residual.ended_at,
                actual=residual.actual,
                prior_p50=residual.estimate_p50,
                p10=quantiles.p10,
                p50=quantiles.p50,
                p90=quantiles.p90,
                num_runs_before=next((runs_by_resource[one] for one in sources if one in runs_by_resource), 0),
                within=quantiles.p10 <= residual.actual <= quantiles.p90,
            )


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
