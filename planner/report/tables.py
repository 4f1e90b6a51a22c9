"""The page's tables: rows of text, with the number of rows left out."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from planner.report.page import (
    AccuracyRow,
    ComparisonRow,
    DriftRow,
    ForecastRow,
    GateRow,
    QualityRow,
    TotalRow,
    WeeklyPage,
    wall_clock,
)
from planner.report.quantities import QUANTITIES, format_factor, format_log_factor, format_ratio, format_value, label
from planner.units import format_duration

MAX_ROWS = 200
NO_BREAK = "\u00a0"
_ORDER = {resource: place for place, resource in enumerate(QUANTITIES)}

Row = TypeVar("Row")
Resourceful = TypeVar("Resourceful", TotalRow, AccuracyRow)


class Column(NamedTuple):
    """One column's heading; numbers stand at the right."""

    title: str
    is_number: bool = False


class Table(NamedTuple):
    """A table as text."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    num_left_out: int = 0


def table(caption: str, rows: Sequence[Row], columns: dict[Column, Callable[[Row], str]]) -> Table:
    """The first ``MAX_ROWS`` rows, one text a column."""
    texts = tuple(tuple(text(row) for text in columns.values()) for row in rows[:MAX_ROWS])
    return Table(caption, tuple(columns), texts, max(len(rows) - MAX_ROWS, 0))


def number(title: str) -> Column:
    return Column(title, is_number=True)


def format_day(day: date) -> str:
    """A day for people: 24 Nov 2026, kept on one line."""
    return f"{day.day} {day:%b %Y}".replace(" ", NO_BREAK)


def format_moment(moment: datetime | None, zone: ZoneInfo) -> str:
    """A moment as a clock in ``zone`` shows it; empty where there is none."""
    if moment is None:
        return ""
    local = wall_clock(moment, zone)
    return f"{format_day(local.date())},{NO_BREAK}{local:%H:%M}"


def _in_order(rows: Iterable[Resourceful]) -> list[Resourceful]:
    return sorted(rows, key=lambda row: _ORDER[row.resource])


def totals(page: WeeklyPage) -> Table:
    columns: dict[Column, Callable[[TotalRow], str]] = {
        Column("Resource"): lambda row: label(row.resource),
        number("Low (10th percentile)"): lambda row: format_value(row.resource, row.p10),
        number("Median"): lambda row: format_value(row.resource, row.p50),
        number("High (90th percentile)"): lambda row: format_value(row.resource, row.p90),
        number("Mean"): lambda row: format_value(row.resource, row.mean),
    }
    return table(
        f"Expected over the next {page.num_weeks} weeks, all programmes together", _in_order(page.totals), columns
    )


def forecast(page: WeeklyPage) -> Table:
    columns: dict[Column, Callable[[ForecastRow], str]] = {
        Column("Week starting"): lambda row: format_day(row.week_start),
        Column("Programme"): lambda row: row.programme,
        Column("Resource"): lambda row: label(row.resource),
        number("Low"): lambda row: format_value(row.resource, row.p10),
        number("Median"): lambda row: format_value(row.resource, row.p50),
        number("High"): lambda row: format_value(row.resource, row.p90),
        number("Mean"): lambda row: format_value(row.resource, row.mean),
    }
    return table("Expected week by week", page.forecast, columns)


def accuracy(page: WeeklyPage) -> Table:
    return table(
        "How far predictions were off, per resource",
        _in_order(page.accuracy),
        {
            Column("Resource"): lambda row: label(row.resource),
            number("Runs"): lambda row: f"{row.num_runs:,}",
            number("Median error, physics alone"): lambda row: format_ratio(row.prior_median_ape_ratio),
            number("Median error, calibrated"): lambda row: format_ratio(row.median_ape_ratio),
            number("90th percentile of the error"): lambda row: format_ratio(row.p90_ape_ratio),
            number("Inside the 80 % range"): lambda row: format_ratio(row.coverage_80_ratio),
            number("Measured / predicted, mean"): lambda row: format_log_factor(row.bias_log),
        },
    )


def comparisons(page: WeeklyPage) -> Table:
    newest = sorted(page.comparisons, key=lambda row: row.ended_at.timestamp(), reverse=True)
    columns: dict[Column, Callable[[ComparisonRow], str]] = {
        Column("Ended"): lambda row: format_moment(row.ended_at, page.zone),
        Column("Run"): lambda row: row.run_name,
        Column("Experiment"): lambda row: row.experiment,
        Column("Resource"): lambda row: label(row.resource),
        number("Measured"): lambda row: format_value(row.resource, row.actual),
        number("Predicted"): lambda row: format_value(row.resource, row.p50),
        number("80 % range"): _range,
        number("Physics alone"): lambda row: format_value(row.resource, row.prior_p50),
        Column("Inside the range"): lambda row: "yes" if row.within else "no",
    }
    return table("Run by run, newest first", newest, columns)


def _range(row: ComparisonRow) -> str:
    return f"{format_value(row.resource, row.p10)} to {format_value(row.resource, row.p90)}"


def drift(page: WeeklyPage) -> Table:
    worst = sorted(page.drift, key=lambda row: -(row.statistic or 0.0) / row.limit)
    states = {"ok": f"in{NO_BREAK}control", "drifting": "drifting", "too_few_runs": f"too{NO_BREAK}few{NO_BREAK}runs"}
    columns: dict[Column, Callable[[DriftRow], str]] = {
        Column("Resource"): lambda row: label(row.resource),
        Column("Group of runs"): lambda row: row.group,
        Column("State"): lambda row: row.stage or states[row.state],
        number("Runs"): lambda row: f"{row.num_runs:,}",
        number("Statistic / limit"): lambda row: "" if row.statistic is None else f"{row.statistic / row.limit:.2f}",
        number("Measured / physics, before"): lambda row: format_log_factor(row.baseline_log_bias),
        number("Measured / physics, lately"): lambda row: format_log_factor(row.recent_log_bias),
        number("Change"): lambda row: format_factor(row.factor) if row.factor is not None else "",
        Column("Direction"): lambda row: row.direction or "",
        Column("Since"): lambda row: format_moment(row.since, page.zone),
        Column("What moved"): lambda row: row.moved or "",
    }
    return table("Groups of runs, nearest to the alarm first", worst, columns)


def cadence(page: WeeklyPage) -> Table:
    return table(
        "Planned against done",
        page.cadence,
        {
            Column("Programme"): lambda row: row.programme,
            number("Updates planned"): lambda row: _count(row.planned_updates),
            number("Updates finished"): lambda row: _count(row.finished_updates),
            number("Skipped"): lambda row: _count(row.skipped_updates) if row.planned_updates is not None else "",
            number("Extra"): lambda row: _count(row.extra_updates) if row.planned_updates is not None else "",
            number("Runs attempted"): lambda row: _count(row.attempts),
            number("Done per planned update"): lambda row: _count(row.updates_per_planned),
            number("Attempts per finished update"): lambda row: _with_range(
                _count, row.attempts_per_finished_p50, row.attempts_per_finished_p10, row.attempts_per_finished_p90
            ),
            number("Late by, median (nine in ten)"): lambda row: (
                ""
                if row.slip_s_p50 is None or row.slip_s_p90 is None
                else f"{format_duration(row.slip_s_p50)} ({format_duration(row.slip_s_p90)})"
            ),
            number("Data growth per update"): lambda row: _with_range(
                "{:+.1%}".format,
                row.dataset_growth_ratio_p50,
                row.dataset_growth_ratio_p10,
                row.dataset_growth_ratio_p90,
            ),
        },
    )


def _with_range(show: Callable[[float], str], middle: float | None, low: float | None, high: float | None) -> str:
    if middle is None:
        return "unknown"
    return show(middle) if low is None or high is None else f"{show(middle)} ({show(low)} to {show(high)})"


def _count(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def gate_log(page: WeeklyPage) -> Table:
    newest = sorted(page.gate_log, key=lambda row: wall_clock(row.decided_at, page.zone), reverse=True)
    verdicts = {"allow": "allowed", "warn": "warned", "block": "blocked"}
    columns: dict[Column, Callable[[GateRow], str]] = {
        Column("Decided"): lambda row: format_moment(row.decided_at, page.zone),
        Column("Run"): lambda row: row.name,
        Column("Verdict"): lambda row: verdicts[row.verdict],
        Column("Reasons"): lambda row: row.reasons,
        number("Fits"): lambda row: format_ratio(row.fits_probability),
        number("Expected cost"): lambda row: format_value("cost_usd", row.cost_usd_p50),
        number("Expected duration"): lambda row: format_value("duration_s", row.duration_s_p50),
        number("It then took"): lambda row: (
            "" if row.actual_duration_s is None else format_value("duration_s", row.actual_duration_s)
        ),
    }
    return table("Decisions, newest first", newest, columns)


def quality(page: WeeklyPage) -> Table:
    columns: dict[Column, Callable[[QualityRow], str]] = {
        Column("Experiment"): lambda row: row.experiment,
        number("Runs"): lambda row: f"{row.num_runs:,}",
        number("Can be estimated"): lambda row: f"{row.num_estimable:,}",
        Column("Field"): lambda row: row.field,
        number("Known"): lambda row: format_ratio(row.known_ratio),
        Column("Where from"): lambda row: row.origins,
    }
    return table("What the tracking store tells", page.quality, columns)


def unread(page: WeeklyPage) -> Table:
    return table(
        "Runs that could not be estimated",
        page.unread,
        {
            Column("Run"): lambda row: row.run_name,
            Column("Id"): lambda row: row.run_id,
            Column("Experiment"): lambda row: row.experiment,
            Column("Why"): lambda row: row.reason,
        },
    )
