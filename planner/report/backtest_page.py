"""The page of a backtest: error and coverage before and after calibration, over time, by group, by own runs."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from planner.calibration.backtest_scores import BacktestScore, By
from planner.domain import Frozen
from planner.report.charts.backtest import by_month, by_own_runs
from planner.report.figures import Figure, make_figure
from planner.report.quantities import format_log_factor, format_ratio, in_page_order, label
from planner.report.tables import Column, Table, number, table

WHAT: tuple[Literal["error", "coverage"], ...] = ("error", "coverage")
GROUPINGS: tuple[By, ...] = ("accelerator", "method", "model", "experiment")


class BacktestPage(Frozen):
    """Everything the page and the command's JSON show."""

    programme: str
    as_of: datetime
    time_zone: str
    num_runs: int
    num_refused: int
    """Runs that cannot be estimated, and are left out."""
    num_calibrations: int
    """How often it was learnt anew, each time from runs that had ended."""
    scores: tuple[BacktestScore, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def of(self, by: By, resource: str | None = None) -> list[BacktestScore]:
        """Scores of one grouping, in their order."""
        return [one for one in self.scores if one.by == by and resource in (None, one.resource)]


def backtest_figures(page: BacktestPage) -> Iterator[Figure]:
    """For each resource its error and coverage by month, then the learning curve."""
    for resource in in_page_order(one.resource for one in page.scores):
        months, steps = page.of("month", resource), page.of("own runs", resource)
        for what in WHAT:
            told = (
                "Median error of a month's runs; nine in ten were below the thin line."
                if what == "error"
                else "Share of a month's runs inside their 80 % range; the dashed line is what the range promises."
            )
            yield make_figure(
                f"{what}-{resource}-month", f"{label(resource)}: {what} over time", told, by_month(months, what)
            )
        yield make_figure(
            f"learning-{resource}",
            f"{label(resource)}: learning curve",
            "Median error by the number of own runs (of the same experiment) that the calibration knew.",
            by_own_runs(steps),
        )


def scores_table(title: str, scores: Sequence[BacktestScore], group: str | None) -> Table:
    """Errors before and after, one row a score."""
    named: dict[Column, Callable[[BacktestScore], str]] = (
        {} if group is None else {Column(group): lambda row: row.group}
    )
    columns: dict[Column, Callable[[BacktestScore], str]] = {
        Column("Resource"): lambda row: label(row.resource),
        **named,
        number("Runs"): lambda row: f"{row.num_runs:,}",
        number("Median error, physics"): lambda row: format_ratio(row.prior_median_ape),
        number("calibrated"): lambda row: format_ratio(row.median_ape),
        number("Nine in ten below, physics"): lambda row: format_ratio(row.prior_p90_ape),
        number("calibrated "): lambda row: format_ratio(row.p90_ape),
        number("In the 80 % range, physics"): lambda row: format_ratio(row.prior_coverage_80),
        number(" calibrated"): lambda row: format_ratio(row.coverage_80),
        number("Measured / told, calibrated"): lambda row: format_log_factor(row.bias_log),
    }
    return table(title, scores, columns)


def backtest_tables(page: BacktestPage) -> dict[str, Table]:
    """The whole, the learning curve, the groups and the months."""
    return {
        "all": scores_table("All runs", page.of("all"), None),
        "own_runs": scores_table("By number of own runs", page.of("own runs"), "Own runs known"),
        **{by: scores_table(f"By {by}", page.of(by), by.capitalize()) for by in GROUPINGS},
        "month": scores_table("By month", page.of("month"), "Month"),
    }
