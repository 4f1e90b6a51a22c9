"""Whether estimates have gone off since the first runs, by group and resource, and since when.

Each series is compared with its own beginning: its first runs are taken to be in control. Their mean is shrunk and
their noise pooled over all series (``calibration.shrinkage``), because a mean and an SD from ten runs alone bring seven
times the false alarms. Later runs are standardised with them and go into a CUSUM; what stays in control is learnt too.
A run is compared with its finest group, so that a new mix of models or experiments is no drift by itself.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from planner.calibration.fit import PRIOR_LOG_SD
from planner.calibration.groups import LEVELS
from planner.calibration.residuals import Residual
from planner.calibration.robust import Floats, Ints, winsorise
from planner.calibration.shrinkage import LevelPosterior, shrink
from planner.calibration.table import ResidualTable, tabulate
from planner.domain.estimate import Z_P90, Resource
from planner.drift.decision import DriftDecision
from planner.drift.ewma import band, ewma
from planner.drift.level import OWN_RUNS, Level
from planner.drift.limits import limits_of
from planner.drift.noise import pooled_noise
from planner.drift.report import DriftPoint, DriftReport, DriftStatus, Stage
from planner.drift.watch import Episode, Rules, Rung, Series, Watched, watch

MIN_RUNS = 8
MIN_BASELINE_RUNS = 5
BASELINE_SHARE = 1 / 3
RECENT_RUNS = 10
"""Without drift, the bias of so many last runs is shown."""
QUARTER = timedelta(days=91.3125)
"""A closed drift is shown for so long, and the false-alarm budget is for so long."""
MAX_POINTS = 150
METHOD_DEPTH = 1 + LEVELS.index("method")


class Earlier(NamedTuple):
    """What is known from before: alarms already published, decisions, and how far predictions were off."""

    statuses: Sequence[DriftStatus] = ()
    decisions: Sequence[DriftDecision] = ()
    prediction_errors: Mapping[tuple[str, Resource], float] = {}
    """By run and resource, log(actual / calibrated prediction)."""


@dataclass(frozen=True)
class _Kind:
    """The series of one resource that are grouped alike, and what their first runs say."""

    table: ResidualTable
    runs: dict[str, Ints]
    """By group, indices into the table in order of time."""
    finest: LevelPosterior
    noise_variance: Floats
    """By finest group."""
    noise_degrees: Floats


def track(residuals: Sequence[Residual], as_of: datetime, earlier: Earlier | None = None) -> DriftReport:
    """The state of every (accelerator, method) and experiment by resource, from runs that ended before ``as_of``."""
    known = earlier or Earlier()
    kinds = [
        _kind(table, names)
        for table in tabulate(residual for residual in residuals if residual.ended_at < as_of)
        for names in (_methods(table), _experiments(table))
    ]
    load = _load(kinds)
    statuses: list[DriftStatus] = []
    points: list[DriftPoint] = []
    for kind in kinds:
        for group in kind.runs:
            status, shown = _status(kind, group, as_of, load, known)
            statuses.append(status)
            points += shown
    return DriftReport(
        as_of=as_of,
        statuses=tuple(sorted(statuses, key=lambda one: (one.resource, one.group))),
        points=tuple(sorted(points, key=lambda one: (one.resource, one.group, one.ended_at, one.run_id))),
    )


def _load(kinds: Sequence[_Kind]) -> list[float]:
    """Runs of each watched series in the quarter up to the newest run."""
    newest_s = max((kind.table.ended_at_s.max() for kind in kinds), default=0.0)
    since_s = newest_s - QUARTER.total_seconds()
    return [
        float(np.count_nonzero(kind.table.ended_at_s[runs] > since_s))
        for kind in kinds
        for runs in kind.runs.values()
        if runs.size >= MIN_RUNS
    ]


def _methods(table: ResidualTable) -> list[str]:
    names = table.names[METHOD_DEPTH]
    return [names[code] for code in table.tree.codes[METHOD_DEPTH]]


def _experiments(table: ResidualTable) -> list[str]:
    return [f"experiment={residual.experiment}" for residual in table.residuals]


def _kind(table: ResidualTable, groups: list[str]) -> _Kind:
    found: dict[str, list[int]] = {}
    for index in np.argsort(table.ended_at_s, kind="stable"):
        found.setdefault(groups[index], []).append(int(index))
    runs = {group: np.array(indices) for group, indices in found.items()}
    in_control = np.concatenate([indices[: _baseline_size(indices.size)] for indices in runs.values()])
    code = table.tree.codes[-1][in_control]
    finest = shrink(table.log_ratio[in_control], table.tree.subset(in_control), PRIOR_LOG_SD[table.resource])[-1]
    assumed = finest.log_sd**2 - finest.variance
    deviation = winsorise(table.log_ratio[in_control] - finest.mean[code], 0.0, np.sqrt(assumed)[code])
    noise = pooled_noise(deviation, code, assumed.size, assumed)
    return _Kind(table, runs, finest, *noise)


def _baseline_size(num_runs: int) -> int:
    return min(max(MIN_BASELINE_RUNS, round(num_runs * BASELINE_SHARE)), OWN_RUNS)


def _status(
    kind: _Kind, group: str, as_of: datetime, load: list[float], known: Earlier
) -> tuple[DriftStatus, list[DriftPoint]]:
    table, runs, finest = kind.table, kind.runs[group], kind.finest
    first, later = runs[: _baseline_size(runs.size)], runs[_baseline_size(runs.size) :]
    code = table.tree.codes[-1]
    few = runs.size < MIN_RUNS
    watched = _watch(kind, group, later, as_of, load, known)
    last = watched.episodes[-1] if watched.episodes and not few else None
    baseline = float(np.mean(finest.mean[code[first]]))
    recent = watched.deviation[-RECENT_RUNS:] if later.size else table.log_ratio[first] - finest.mean[code[first]]
    change = float(np.median(recent))
    if last is not None and last.closed is None:
        change = last.log_change
    status = DriftStatus(
        as_of=as_of,
        resource=table.resource,
        group=group,
        num_runs=runs.size,
        baseline_log_bias=baseline,
        recent_log_bias=baseline + change,
        statistic=float(watched.statistic[-1]) if later.size else 0.0,
        limit=float(watched.limit[-1]) if later.size else float(limits_of(np.zeros(1), load)[0]),
        state="too_few_runs" if few else "ok",
    )
    if last is None:
        return status, []
    status = _with_drift(status, last, [table.residuals[index] for index in later], known.decisions)
    return status, _points(kind, status, later, watched) if status.stage else []


def _watch(kind: _Kind, group: str, later: Ints, as_of: datetime, load: list[float], known: Earlier) -> Watched:
    table, finest = kind.table, kind.finest
    code = table.tree.codes[-1][later]
    run_ids = [table.residuals[index].run_id for index in later]
    series = Series(
        run_ids=run_ids,
        log_ratio=table.log_ratio[later],
        ended_at_s=table.ended_at_s[later],
        finest=code,
        prediction_error=np.array(
            [known.prediction_errors.get((run_id, table.resource), math.nan) for run_id in run_ids]
        ),
        levels={
            int(one): Level(
                mean=float(finest.mean[one]),
                precision=float(kind.noise_variance[one] / finest.variance[one]),
                noise_variance=float(kind.noise_variance[one]),
                degrees=float(kind.noise_degrees[one]),
                num_own=int(finest.num_runs[one]),
            )
            for one in np.unique(code)
        },
    )
    rules = Rules(
        limits_of=lambda variance: limits_of(variance, load),
        rung=_rung(table.resource, group, known.statuses, as_of),
        new_id=lambda run_id: _drift_id(table.resource, group, run_id),
        closed_by_hand_s={
            one.drift_id: one.decided_at.timestamp() for one in _newest(known.decisions, as_of) if one.action == "close"
        },
    )
    return watch(series, rules)


def _rung(resource: Resource, group: str, statuses: Iterable[DriftStatus], as_of: datetime) -> dict[str, Rung]:
    """Alarms that this series gave in earlier reports, by run."""
    return {
        one.alarm_run_id: Rung(one.drift_id, one.direction)
        for one in sorted(statuses, key=lambda status: status.as_of, reverse=True)
        if one.as_of < as_of
        and (one.resource, one.group) == (resource, group)
        and one.alarm_run_id is not None
        and one.drift_id is not None
        and one.direction is not None
    }


def _drift_id(resource: Resource, group: str, run_id: str) -> str:
    return hashlib.sha256(f"{resource}\n{group}\n{run_id}".encode()).hexdigest()[:8]


def _newest(decisions: Iterable[DriftDecision], as_of: datetime) -> list[DriftDecision]:
    """The newest decision about each drift. A drift that was closed stays so."""
    found: dict[str, DriftDecision] = {}
    for one in sorted(decisions, key=lambda decision: (decision.decided_at, decision.decision_id)):
        before = found.get(one.drift_id)
        if one.decided_at < as_of and (before is None or before.action != "close"):
            found[one.drift_id] = one
    return list(found.values())


def _with_drift(
    status: DriftStatus, last: Episode, rows: Sequence[Residual], decisions: Sequence[DriftDecision]
) -> DriftStatus:
    """The status with its last drift, unless that was closed long ago."""
    decision = next((one for one in _newest(decisions, status.as_of) if one.drift_id == last.drift_id), None)
    closed_at = None
    if last.closed is not None:
        by_hand = decision is not None and last.because == "by hand"
        closed_at = decision.decided_at if decision and by_hand else rows[last.closed - 1].ended_at
        if closed_at < status.as_of - QUARTER:
            return status
    stage: Stage = "closed" if closed_at else "acknowledged" if decision else "open"
    reach = Z_P90 * last.log_change_sd
    return status.model_copy(
        update={
            "state": "ok" if closed_at else "drifting",
            "direction": last.direction,
            "since": rows[last.change].ended_at,
            "factor": math.exp(last.log_change),
            "factor_p10": math.exp(last.log_change - reach),
            "factor_p90": math.exp(last.log_change + reach),
            "drift_id": last.drift_id,
            "stage": stage,
            "alarm_at": rows[last.alarm].ended_at,
            "alarm_run_id": rows[last.alarm].run_id,
            "closed_at": closed_at,
            "closed_because": last.because,
            "note": decision.note if decision else "",
        }
    )


def _points(kind: _Kind, status: DriftStatus, later: Ints, watched: Watched) -> list[DriftPoint]:
    smooth = ewma(winsorise(watched.deviation, 0.0, watched.noise_sd))
    rows = [kind.table.residuals[index] for index in later]
    return [
        DriftPoint(
            as_of=status.as_of,
            resource=status.resource,
            group=status.group,
            run_id=rows[place].run_id,
            ended_at=rows[place].ended_at,
            drift_id=status.drift_id or "",
            ratio=math.exp(watched.deviation[place]),
            ewma_ratio=math.exp(smooth[place]),
            band_ratio=math.exp(band(watched.noise_sd)),
            statistic_share=float(watched.statistic[place] / watched.limit[place]),
        )
        for place in range(max(later.size - MAX_POINTS, 0), later.size)
    ]
