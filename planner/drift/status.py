"""Whether estimates have gone off since the first runs, by group and resource, and since when.

Each series is compared with its own beginning: the first third of its runs, and at least five, are taken to be in
control. Their mean is shrunk and their noise pooled over all series (``calibration.shrinkage``), because a mean and an
SD from ten runs alone bring seven times the false alarms. Later runs are standardised with them and go into a CUSUM.
A run is compared with its finest group, so that a new mix of models or experiments is no drift by itself. The CUSUM's
reference is widened by the standard error of that group's mean: what the first runs left open is no drift either.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import numpy as np

from planner.calibration.fit import PRIOR_LOG_SD
from planner.calibration.groups import LEVELS
from planner.calibration.residuals import Residual
from planner.calibration.robust import Ints
from planner.calibration.shrinkage import shrink
from planner.calibration.table import ResidualTable, tabulate
from planner.domain import Frozen
from planner.domain.estimate import Resource
from planner.drift.cusum import REFERENCE, alarm_limit, run_cusum

MIN_RUNS = 8
MIN_BASELINE_RUNS = 5
BASELINE_SHARE = 1 / 3
RECENT_RUNS = 10
"""Without drift, the bias of so many last runs is shown."""
METHOD_DEPTH = 1 + LEVELS.index("method")


class DriftStatus(Frozen):
    """One series: a resource in one (accelerator, method) or in one experiment."""

    as_of: datetime
    resource: Resource
    group: str
    num_runs: int
    baseline_log_bias: float
    """Mean log(actual / estimate) of the runs in control."""
    recent_log_bias: float
    """The same since the change; without drift, of the last runs."""
    statistic: float
    """CUSUM after the last run, in SDs."""
    limit: float
    state: Literal["ok", "drifting", "too_few_runs"]
    direction: Literal["above", "below"] | None = None
    """Whether actuals went above or below what the first runs say."""
    since: datetime | None = None
    """End of the first run of the shift."""
    factor: float | None = None
    """Actuals now over what the first runs say."""


class DriftReport(Frozen):
    """All series on one day."""

    as_of: datetime
    statuses: tuple[DriftStatus, ...]

    @property
    def drift_detected(self) -> bool:
        return any(status.state == "drifting" for status in self.statuses)


def track(residuals: Sequence[Residual], as_of: datetime) -> DriftReport:
    """The state of every (accelerator, method) and experiment by resource, from runs that ended before ``as_of``."""
    tables = tabulate(residual for residual in residuals if residual.ended_at < as_of)
    by_method = [_by_method(table) for table in tables]
    by_experiment = [_by_experiment(table) for table in tables]
    every = [series for kind in (*by_method, *by_experiment) for series in kind.values()]
    limit = alarm_limit(sum(len(runs) >= MIN_RUNS for runs in every))
    statuses = [
        status
        for kinds in (by_method, by_experiment)
        for table, kind in zip(tables, kinds, strict=True)
        for status in _statuses(table, kind, as_of, limit)
    ]
    return DriftReport(as_of=as_of, statuses=tuple(sorted(statuses, key=lambda one: (one.resource, one.group))))


def _by_method(table: ResidualTable) -> dict[str, Ints]:
    names = table.names[METHOD_DEPTH]
    return _series(table, [names[code] for code in table.tree.codes[METHOD_DEPTH]])


def _by_experiment(table: ResidualTable) -> dict[str, Ints]:
    return _series(table, [f"experiment={residual.experiment}" for residual in table.residuals])


def _series(table: ResidualTable, groups: list[str]) -> dict[str, Ints]:
    """Indices of the runs of each group, in order of time."""
    found: dict[str, list[int]] = {}
    for index in np.argsort(table.ended_at_s, kind="stable"):
        found.setdefault(groups[index], []).append(int(index))
    return {group: np.array(indices) for group, indices in found.items()}


def _baseline_size(num_runs: int) -> int:
    return max(MIN_BASELINE_RUNS, round(num_runs * BASELINE_SHARE))


def _statuses(table: ResidualTable, series: dict[str, Ints], as_of: datetime, limit: float) -> list[DriftStatus]:
    in_control = np.concatenate([runs[: _baseline_size(runs.size)] for runs in series.values()])
    finest = shrink(table.log_ratio[in_control], table.tree.subset(in_control), PRIOR_LOG_SD[table.resource])[-1]
    code = table.tree.codes[-1]
    noise_sd = np.sqrt(finest.log_sd**2 - finest.variance)
    deviation = table.log_ratio - finest.mean[code]
    z = deviation / noise_sd[code]
    reference = REFERENCE + np.sqrt(finest.variance)[code] / noise_sd[code]
    statuses = []
    for group, runs in series.items():
        first, later = runs[: _baseline_size(runs.size)], runs[_baseline_size(runs.size) :]
        chart = run_cusum(z[later], reference[later], limit)
        start = chart.excursion_start if runs.size >= MIN_RUNS else None
        recent = runs[-RECENT_RUNS:] if start is None else later[start:]
        baseline, change = float(np.mean(finest.mean[code[first]])), float(np.median(deviation[recent]))
        known = DriftStatus(
            as_of=as_of,
            resource=table.resource,
            group=group,
            num_runs=runs.size,
            baseline_log_bias=baseline,
            recent_log_bias=baseline + change,
            statistic=float(chart.statistic[-1]) if later.size else 0.0,
            limit=limit,
            state="ok" if runs.size >= MIN_RUNS else "too_few_runs",
        )
        if start is not None:
            shift = {
                "direction": "above" if chart.above[-1] >= chart.below[-1] else "below",
                "factor": math.exp(change),
            }
            since = table.residuals[later[start]].ended_at
            known = known.model_copy(update={"state": "drifting", "since": since, **shift})
        statuses.append(known)
    return statuses
