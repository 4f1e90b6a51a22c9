"""Predicts past runs from other past runs, just as users are told, and scores the predictions."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np

from planner.calibration.apply import apply_many
from planner.calibration.compare import Case
from planner.calibration.conformal import adapt
from planner.calibration.fit import METHOD, PASSES, learn
from planner.calibration.observed import Facts, Observed, observed
from planner.calibration.robust import Floats
from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.estimate import Estimate, Resource
from planner.domain.told_estimate import ToldEstimate

REFIT_GROWTH = 1.25
"""A backtest calibrates anew when so many times the runs have ended that it knows."""
FOLLOWS: dict[Resource, tuple[Resource, ...]] = {
    "duration_s": ("tokens_per_s_per_accelerator", "start_up_s"),
    "cost_usd": ("duration_s", "tokens_per_s_per_accelerator", "start_up_s"),
    "energy_j": ("duration_s", "tokens_per_s_per_accelerator", "start_up_s"),
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
    calibrated_at: datetime | None = None
    """Only runs that had ended before it were known; None where that was not noted."""


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


def rolling_origin(
    cases: Sequence[Case],
    *,
    prior: str,
    max_refits: int | None = None,
    bounds: Sequence[Observed] = (),
    since: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Prediction, ...]:
    """Every run predicted by what had ended strictly before it started (where that is unknown: ended), in order of end.

    The calibration is made anew whenever a quarter more runs had ended than it knows: later runs change no prediction
    of an earlier one. With ``max_refits`` it is instead made at most so often, at times that divide the runs evenly.
    Runs between two of these times know nothing of each other. The first runs have the physics alone. Intervals adapt
    to the hits and misses that were known at each of these times. ``since``: only runs that started at or after it are
    predicted. ``progress`` is told how many more runs are done.
    """
    asked = [case for case in cases if since is None or case.asked_at >= since]
    asked_s = np.array([case.asked_at.timestamp() for case in asked])
    origins_s = _origins_s(np.sort(asked_s), _ends_s(cases), max_refits)
    block = np.searchsorted(origins_s, asked_s, side="right") - 1
    rows = [*_rows(cases), *bounds]
    ended_s = np.array([row.ended_at.timestamp() for row in rows])
    paths = {case.residuals[0].run_id: case.who.groups for case in cases}
    found: list[Prediction] = []
    for number, origin_s in enumerate(origins_s):
        past = [rows[index] for index in np.flatnonzero(ended_s < origin_s).tolist()]
        known = [told for told in found if told.ended_at.timestamp() < origin_s]
        targets = [asked[index] for index in np.flatnonzero(block == number).tolist()]
        found.extend(_predict(past, width_ratios(known, paths), targets, prior, 1))
        progress(len(targets))
    return _in_order(found)


def _ends_s(cases: Sequence[Case]) -> Floats:
    return np.sort(np.array([case.residuals[0].ended_at.timestamp() for case in cases]))


def _origins_s(asked_s: Floats, ends_s: Floats, max_refits: int | None) -> Floats:
    """When calibrations are made, of times in ascending order."""
    if max_refits is not None:
        picked = np.linspace(0, asked_s.size - 1, min(max_refits, asked_s.size)).astype(np.int64)
        return np.unique(asked_s[picked])
    ended = np.searchsorted(ends_s, asked_s, side="left")
    found, place = [], 0
    while place < asked_s.size:
        found.append(asked_s[place])
        enough = max(ended[place] + 1, math.ceil(ended[place] * REFIT_GROWTH))
        place = int(np.searchsorted(ended, enough))
    return np.unique(found)


def leave_one_out(cases: Sequence[Case], *, prior: str, bounds: Sequence[Observed] = ()) -> tuple[Prediction, ...]:
    """Every run predicted by all others, later ones too: for small sets of runs without a history.

    One refit a run, so the time grows with the square of the runs: 100 runs take some seconds.
    """
    rows = [*_rows(cases), *bounds]
    found: list[Prediction] = []
    for case in cases:
        others = [row for row in rows if row.run_id != case.residuals[0].run_id]
        found.extend(_predict(others, {}, [case], prior, PASSES))
    return _in_order(found)


def width_ratios(
    predictions: Iterable[Prediction], paths: Mapping[str, tuple[str, ...]]
) -> dict[Resource, dict[str, float]]:
    """By resource and group (all runs, and each accelerator): what hits and misses so far demand of the width.

    ``paths`` are the nested groups by run id. Predictions of the physics alone teach nothing.
    """
    found: dict[Resource, dict[str, float]] = {}
    for told in _in_order(predictions):
        if told.num_runs_before:
            ratios = found.setdefault(told.resource, {})
            for group in paths[told.run_id][:2]:
                ratios[group] = adapt(ratios.get(group, 1.0), [told.within])
    return found


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


def pinball_log(actual: float, p10: float, p50: float, p90: float) -> float:
    """Mean pinball loss of ln(actual) at .1, .5 and .9: the same for a byte and a terabyte."""
    total = 0.0
    for level, quantile in ((0.1, p10), (0.5, p50), (0.9, p90)):
        missing = math.log(actual / max(quantile, 1e-12 * actual))
        total += max(level * missing, (level - 1) * missing)
    return total / 3


def _rows(cases: Sequence[Case]) -> list[Observed]:
    facts = {case.residuals[0].run_id: Facts(case.who, case.estimate) for case in cases}
    return observed((residual for case in cases for residual in case.residuals), facts)


def _in_order(predictions: Iterable[Prediction]) -> tuple[Prediction, ...]:
    return tuple(sorted(predictions, key=lambda one: (one.ended_at, one.run_id, one.resource)))


def _predict(
    past: Sequence[Observed],
    ratios: Mapping[Resource, Mapping[str, float]],
    targets: Sequence[Case],
    prior: str,
    passes: int,
) -> Iterator[Prediction]:
    """What users would have been told of the targets, had they asked when only the past runs were known."""
    calibration = Calibration(
        calibration_id="backtest",
        as_of=min(case.asked_at for case in targets),
        fitted_through=None,
        num_runs=len(past),
        data_fingerprint="",
        prior=prior,
        method=METHOD,
        resources=learn(past, ratios, passes),
    )
    told = apply_many(calibration, [case.estimate for case in targets], [case.who for case in targets])
    for case, estimate in zip(targets, told, strict=True):
        for row in predicted(case, estimate):
            yield row.model_copy(update={"calibrated_at": calibration.as_of})


def predicted(case: Case, told: Estimate | ToldEstimate) -> Iterator[Prediction]:
    """What an estimate said of a past run, beside what was used."""
    runs_by_resource = (
        told.num_runs
        if isinstance(told, ToldEstimate)
        else {correction.resource: correction.num_runs for correction in told.provenance.corrections}
    )
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
