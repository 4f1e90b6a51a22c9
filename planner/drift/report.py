"""What drift tracking says: the state of every series, and the picture of those that drift."""

from datetime import datetime
from typing import Literal

from planner.domain import Frozen
from planner.domain.estimate import Resource
from planner.drift.cusum import Direction
from planner.drift.verdict import Verdict
from planner.drift.watch import ClosedBecause

Stage = Literal["open", "acknowledged", "closed"]


class DriftStatus(Frozen):
    """One series: a resource in one (accelerator, method) or in one experiment."""

    as_of: datetime
    resource: Resource
    group: str
    num_runs: int
    baseline_log_bias: float
    """Mean log(actual / estimate) in control."""
    recent_log_bias: float
    """The same since the change; without drift, of the last runs."""
    statistic: float
    """CUSUM after the last run, in SDs."""
    limit: float
    state: Literal["ok", "drifting", "too_few_runs"]
    direction: Direction | None = None
    """Whether actuals went above or below what the first runs say."""
    since: datetime | None = None
    """End of the first run of the shift."""
    factor: float | None = None
    """Actuals now over what the first runs say."""
    factor_p10: float | None = None
    factor_p90: float | None = None
    drift_id: str | None = None
    stage: Stage | None = None
    """None where the series never drifted, or its last drift was closed more than a quarter ago."""
    alarm_at: datetime | None = None
    """End of the run that gave the alarm."""
    alarm_run_id: str | None = None
    closed_at: datetime | None = None
    closed_because: ClosedBecause | None = None
    note: str = ""
    """What was written beside the last decision."""
    verdict: Verdict | None = None


class DriftPoint(Frozen):
    """One run of a series that drifts or did lately, for its picture."""

    as_of: datetime
    resource: Resource
    group: str
    run_id: str
    ended_at: datetime
    drift_id: str
    ratio: float
    """Measured over what the level in control leads one to expect."""
    ewma_ratio: float
    band_ratio: float
    """While all is in control ``ewma_ratio`` stays between this and its inverse."""
    statistic_share: float
    """CUSUM over its limit: the alarm rings above 1."""


class DriftReport(Frozen):
    """All series on one day."""

    as_of: datetime
    statuses: tuple[DriftStatus, ...]
    points: tuple[DriftPoint, ...] = ()

    @property
    def drift_detected(self) -> bool:
        return any(status.state == "drifting" for status in self.statuses)
