"""Everything the weekly page shows, as values: one row type for each mart it is filled from.

Times may carry any zone and are shown in the page's own; a time without a zone is taken as UTC.
"""

from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from planner.domain import Frozen
from planner.domain.estimate import Resource

ForecastResource = Literal[
    "runs", "accelerator_hours", "peak_accelerators", "storage_bytes", "network_bytes", "cost_usd"
]
Verdict = Literal["allow", "warn", "block"]
DriftState = Literal["ok", "drifting", "too_few_runs"]
DriftStage = Literal["open", "acknowledged", "closed"]

ALL_PROGRAMMES = "all"
"""Name of the forecast rows that hold the joint total: quantiles do not add up, so no page can sum them itself."""


class Headline(Frozen):
    """One figure that everybody should see."""

    label: str
    value_text: str
    note: str = ""


class ForecastRow(Frozen):
    """What one programme (or ``all``) needs of one resource in one week."""

    week_start: date
    programme: str
    resource: ForecastResource
    p10: float
    p50: float
    p90: float
    mean: float


class TotalRow(Frozen):
    """What all programmes together need of one resource over all weeks shown."""

    resource: ForecastResource
    p10: float
    p50: float
    p90: float
    mean: float


class DemandRow(Frozen):
    """What one experiment used in one past week."""

    week_start: date
    experiment: str
    runs: int
    finished_runs: int
    accelerator_hours: float
    cost_usd: float | None


class ComparisonRow(Frozen):
    """One resource of one finished run: measured, and predicted from earlier runs alone."""

    run_id: str
    run_name: str
    experiment: str
    resource: Resource
    ended_at: datetime
    actual: float
    prior_p50: float
    """Median of the physics alone, before any calibration."""
    p10: float
    p50: float
    p90: float
    within: bool
    """Whether the actual lies between p10 and p90."""


class AccuracyRow(Frozen):
    """How good the predictions of one resource were, over all compared runs."""

    resource: Resource
    num_runs: int
    prior_median_ape_ratio: float
    """Median of abs(actual - estimate) / actual, physics alone."""
    median_ape_ratio: float
    p90_ape_ratio: float
    coverage_80_ratio: float
    """Share of the actuals inside the 80 % range."""
    bias_log: float
    """Mean of ln(actual / estimate): above 0 where runs need more than predicted."""


class DriftRow(Frozen):
    """Whether estimate and actual moved apart in one group of runs."""

    resource: Resource
    group: str
    num_runs: int
    baseline_log_bias: float | None
    recent_log_bias: float | None
    statistic: float | None
    limit: float = Field(gt=0)
    state: DriftState
    direction: str | None = None
    since: datetime | None = None
    factor: float | None = None
    """How many times the recent actuals exceed what the baseline leads one to expect."""
    factor_p10: float | None = None
    factor_p90: float | None = None
    drift_id: str | None = None
    stage: DriftStage | None = None
    alarm_at: datetime | None = None
    closed_at: datetime | None = None
    closed_because: str | None = None
    note: str = ""
    moved: str | None = None
    """Kind of what moved; ``unknown`` where nothing recorded stands out."""
    verdict: str | None = None
    """A sentence."""
    before: str | None = None
    """Runs before the change as JSON: ``num_runs``, ``log_bias`` and runs by level of what moved."""
    after: str | None = None


class DriftPointRow(Frozen):
    """One run of a group that drifts or lately did."""

    resource: Resource
    group: str
    drift_id: str
    ended_at: datetime
    ratio: float
    """Measured over what the group's level in control leads one to expect."""
    ewma_ratio: float
    band_ratio: float
    statistic_share: float
    """Drift statistic over its limit: the alarm rings above 1."""


class GateRow(Frozen):
    """One decision of the gate, with what the run then took where it was started."""

    decided_at: datetime
    name: str
    verdict: Verdict
    reasons: str
    cost_usd_p50: float | None
    duration_s_p50: float
    fits_probability: float
    actual_duration_s: float | None


class QualityRow(Frozen):
    """How often one field of the runs of one experiment is known, and from where."""

    experiment: str
    num_runs: int
    num_estimable: int
    field: str
    known_ratio: float
    origins: str


class UnreadRow(Frozen):
    """A run that could not be estimated."""

    run_id: str
    run_name: str
    experiment: str
    reason: str


class CadenceRow(Frozen):
    """Updates planned against updates done."""

    programme: str
    planned_updates: float | None
    skipped_updates: int | None = None
    extra_updates: int | None = None
    finished_updates: int
    attempts: int
    updates_per_planned: float | None
    """What is expected of the next planned update, from the past ones; None where nothing was planned."""
    attempts_per_finished_p10: float | None = None
    attempts_per_finished_p50: float | None = None
    attempts_per_finished_p90: float | None = None
    slip_s_p50: float | None = None
    """Delay behind the slot; None without a plan."""
    slip_s_p90: float | None = None
    dataset_growth_ratio_p10: float | None = None
    """From one update to the next."""
    dataset_growth_ratio_p50: float | None = None
    dataset_growth_ratio_p90: float | None = None


class WeeklyPage(Frozen):
    """The whole page. Rows come in the order in which tables show them; charts sort for themselves."""

    title: str
    programme: str
    as_of: datetime
    time_zone: str
    num_weeks: int
    """Weeks that the forecast covers."""
    calibration_id: str | None
    """None where nothing has been learnt yet."""
    num_runs_learnt_from: int
    headlines: tuple[Headline, ...] = ()
    forecast: tuple[ForecastRow, ...] = ()
    totals: tuple[TotalRow, ...] = ()
    demand: tuple[DemandRow, ...] = ()
    comparisons: tuple[ComparisonRow, ...] = ()
    accuracy: tuple[AccuracyRow, ...] = ()
    drift: tuple[DriftRow, ...] = ()
    drift_points: tuple[DriftPointRow, ...] = ()
    gate_log: tuple[GateRow, ...] = ()
    quality: tuple[QualityRow, ...] = ()
    unread: tuple[UnreadRow, ...] = ()
    budget_monthly_usd: float | None = None
    cadence: tuple[CadenceRow, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in ``zone`` shows at ``moment`` (UTC where it has no zone), itself without a zone."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(zone).replace(tzinfo=None)
