"""Scores of a backtest before and after calibration: over time, by group, and by the number of own runs."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

import numpy as np

from planner.calibration.backtest import Prediction, pinball_log
from planner.calibration.compare import Case
from planner.calibration.groups import LEVELS
from planner.domain import Frozen
from planner.domain.estimate import Quantiles, Resource

By = Literal["all", "month", "accelerator", "method", "model", "experiment", "own runs"]
OWN_RUNS = ((0, "0"), (1, "1"), (2, "2"), (4, "3-4"), (8, "5-8"), (16, "9-16"), (32, "17-32"))
"""Largest number of each step of the learning curve, and its name."""
MORE = "33 and more"


class BacktestScore(Frozen):
    """Errors of one resource in one part of the runs: of the physics alone, and calibrated on earlier runs."""

    by: By
    group: str
    resource: Resource
    num_runs: int
    prior_median_ape: float
    """Median of |estimate / actual - 1|."""
    median_ape: float
    prior_p90_ape: float
    p90_ape: float
    prior_coverage_80: float
    """Share of actuals in the 80 % range."""
    coverage_80: float
    prior_pinball_log: float
    """Mean pinball loss of ln(actual) at .1, .5 and .9."""
    pinball_log: float
    prior_bias_log: float
    """Median of ln(actual / estimate): above 0 where more was used than told."""
    bias_log: float


class _Row(NamedTuple):
    groups: Mapping[By, str]
    actual: float
    prior: Quantiles
    told: Quantiles


def backtest_scores(
    cases: Sequence[Case], predictions: Iterable[Prediction], zone: ZoneInfo
) -> tuple[BacktestScore, ...]:
    """Every score, in a fixed order; months are those of ``zone`` in which a run ended.

    Own runs are those of the run's experiment that the calibration knew.
    """
    by_run = {case.residuals[0].run_id: case for case in cases}
    ends: dict[str, list[datetime]] = {}
    for case in sorted(cases, key=lambda one: one.residuals[0].ended_at):
        ends.setdefault(case.residuals[0].experiment, []).append(case.residuals[0].ended_at)
    parts: dict[tuple[By, str, Resource], list[_Row]] = {}
    for one in predictions:
        case = by_run[one.run_id]
        prior = case.estimate.quantiles(one.resource)
        if prior is None or one.p10 <= 0:
            continue
        experiment = case.residuals[0].experiment
        known = bisect_left(ends[experiment], one.calibrated_at or case.asked_at)
        row = _Row(
            {
                "all": "all",
                "month": f"{one.ended_at.astimezone(zone):%Y-%m}",
                **_groups(case, experiment),
                "own runs": next((name for most, name in OWN_RUNS if known <= most), MORE),
            },
            one.actual,
            prior,
            Quantiles(p10=one.p10, p50=one.p50, p90=one.p90),
        )
        for by, group in row.groups.items():
            parts.setdefault((by, group, one.resource), []).append(row)
    steps = [*(name for _, name in OWN_RUNS), MORE]
    ranks = {by: rank for rank, by in enumerate(get_args(By))}

    def place(key: tuple[By, str, Resource]) -> tuple[int, int, str, str]:
        by, group, resource = key
        return ranks[by], steps.index(group) if by == "own runs" else 0, group, resource

    return tuple(_score(*key, parts[key]) for key in sorted(parts, key=place))


def _groups(case: Case, experiment: str) -> dict[By, str]:
    finest = case.residuals[0].groups[-1]
    named = dict(part.split("=", 1) for part in finest.split(", ", len(LEVELS) - 1) if "=" in part)
    return {
        "accelerator": named.get("accelerator", "unknown"),
        "method": named.get("method", "unknown"),
        "model": named.get("model", "unknown"),
        "experiment": experiment,
    }


def _score(by: By, group: str, resource: Resource, rows: Sequence[_Row]) -> BacktestScore:
    found: dict[str, float] = {}
    for side, told in (("prior_", [row.prior for row in rows]), ("", [row.told for row in rows])):
        actual = np.array([row.actual for row in rows])
        p50 = np.array([quantiles.p50 for quantiles in told])
        errors = np.abs(p50 / actual - 1)
        within = [quantiles.p10 <= row.actual <= quantiles.p90 for quantiles, row in zip(told, rows, strict=True)]
        losses = [
            pinball_log(row.actual, quantiles.p10, quantiles.p50, quantiles.p90)
            for quantiles, row in zip(told, rows, strict=True)
        ]
        found |= {
            f"{side}median_ape": float(np.median(errors)),
            f"{side}p90_ape": float(np.quantile(errors, 0.9)),
            f"{side}coverage_80": float(np.mean(within)),
            f"{side}pinball_log": math.fsum(losses) / len(losses),
            f"{side}bias_log": float(np.median(np.log(actual / p50))),
        }
    return BacktestScore.model_validate(
        {"by": by, "group": group, "resource": resource, "num_runs": len(rows), **found}
    )
