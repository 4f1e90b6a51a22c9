"""Fills the weekly page from the marts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.programme import Programme
from planner.report.headlines import headlines
from planner.report.page import (
    AccuracyRow,
    CadenceRow,
    ComparisonRow,
    DemandRow,
    DriftPointRow,
    DriftRow,
    ForecastRow,
    GateRow,
    QualityRow,
    TotalRow,
    UnreadRow,
    WeeklyPage,
)

Row = TypeVar("Row", bound=Frozen)
Marts = Mapping[str, Sequence[Mapping[str, Any]]]

MARTS = (
    "weekly_forecast",
    "horizon_forecast",
    "weekly_demand",
    "estimate_vs_actual",
    "accuracy",
    "drift_status",
    "drift_history",
    "gate_log",
    "data_quality",
    "unread_runs",
    "update_cadence",
    "monthly_spend",
)


def assemble(
    programme: Programme, as_of: datetime, calibration: Calibration, marts: Marts, notes: Sequence[str]
) -> WeeklyPage:
    """The weekly page as of a moment, from the rows of every mart in ``MARTS``."""
    totals = tuple(row for row in marts["horizon_forecast"] if row["programme"] == "all")
    return WeeklyPage(
        title=f"{programme.name}: capacity and cost",
        programme=programme.name,
        as_of=as_of,
        time_zone=programme.time_zone,
        num_weeks=max((int(row["num_weeks"]) for row in totals), default=0),
        calibration_id=calibration.calibration_id if calibration.num_runs else None,
        num_runs_learnt_from=calibration.num_runs,
        headlines=headlines(programme, marts),
        forecast=rows_of(ForecastRow, marts["weekly_forecast"]),
        totals=rows_of(TotalRow, totals),
        demand=rows_of(DemandRow, marts["weekly_demand"]),
        comparisons=rows_of(ComparisonRow, marts["estimate_vs_actual"]),
        accuracy=rows_of(AccuracyRow, marts["accuracy"]),
        drift=rows_of(DriftRow, marts["drift_status"]),
        drift_points=rows_of(DriftPointRow, marts["drift_history"]),
        gate_log=rows_of(GateRow, marts["gate_log"]),
        quality=rows_of(QualityRow, marts["data_quality"]),
        unread=rows_of(UnreadRow, marts["unread_runs"]),
        budget_monthly_usd=programme.budget.monthly_usd,
        cadence=rows_of(CadenceRow, marts["update_cadence"]),
        notes=tuple(notes),
    )


def rows_of(row_type: type[Row], rows: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """Rows of a mart as the type that the page shows, without the columns it does not."""
    names = row_type.model_fields
    return tuple(row_type.model_validate({name: row[name] for name in names}) for row in rows)
