"""The scores of a backtest as tables for a terminal."""

from rich.table import Table

from planner.calibration.backtest_scores import By
from planner.calibration.table_scores import GROUPINGS, TableScore, TableSummary
from planner.report.backtest_page import GROUPINGS as GROUPINGS_OF_RUNS
from planner.report.backtest_page import BacktestPage
from planner.report.quantities import in_page_order, label
from planner.report.terminal_tables import plain

RESOURCE_NAMES = {
    "peak_allocated_bytes": "peak allocated",
    "peak_reserved_bytes": "peak reserved",
    "peak_device_bytes": "peak device",
    "tokens_per_s_per_accelerator": "tokens/s",
}
GROUPS_SHOWN = 12
DECIDING = ("peak_device_bytes", "tokens_per_s_per_accelerator", "duration_s")
ALL_GROUPINGS: tuple[By, ...] = ("all", "own runs", "experiment", "accelerator", "month")
REASONS_SHOWN = 8


def scores_table(summary: TableSummary) -> Table:
    """One line a resource and group; of many groups those with most measured rows."""
    table = Table("resource", "by", "group", "measured", "predicted", "median", "p90", "in p10-p90", title="errors")
    for column in table.columns[3:]:
        column.justify = "right"
    for by in GROUPINGS:
        for resource, name in RESOURCE_NAMES.items():
            found = [score for score in summary.scores if score.by == by and score.resource == resource]
            for score in found[:GROUPS_SHOWN]:
                table.add_row(name, by, plain(score.group), *_cells(score))
            if len(found) > GROUPS_SHOWN:
                table.add_row(name, by, f"... and {len(found) - GROUPS_SHOWN} more (--json lists all)")
    return table


def errors_table(summary: TableSummary) -> Table:
    """Why rows, or one kind of their figures, could not be predicted."""
    table = Table("rows", "not predicted because")
    reasons = list(summary.errors.items())
    for reason, count in reasons[:REASONS_SHOWN]:
        table.add_row(f"{count:,}", plain(reason[:160]))
    if len(reasons) > REASONS_SHOWN:
        table.add_row(f"{sum(n for _, n in reasons[REASONS_SHOWN:]):,}", "other reasons: column error of the file")
    return table


def fits_line(summary: TableSummary) -> str:
    """How well runs out of memory were foreseen."""
    fits = summary.fits
    if not fits.num_out_of_memory:
        return "no row is known to have run out of memory"
    return (
        f"out of memory: {fits.num_found} of {fits.num_out_of_memory} foreseen, {fits.num_false_alarms} false alarms "
        f"among {fits.num_called - fits.num_out_of_memory} runs that went well"
    )


def before_and_after_table(page: BacktestPage) -> Table:
    """Errors of the physics alone and calibrated; by own runs, group and month for the resources that decide."""
    table = Table("resource", "by", "group", "runs", "median error", "nine in ten below", "in the 80 % range")
    for column in table.columns[3:]:
        column.justify = "right"
    resources = in_page_order(score.resource for score in page.scores)
    for by in ALL_GROUPINGS:
        for resource in resources if by == "all" else [name for name in resources if name in DECIDING]:
            found = page.of(by, resource)
            if by in GROUPINGS_OF_RUNS:
                found.sort(key=lambda score: -score.num_runs)
            for one in found[-GROUPS_SHOWN:] if by == "month" else found[:GROUPS_SHOWN]:
                table.add_row(
                    label(resource),
                    by,
                    plain(one.group),
                    f"{one.num_runs:,}",
                    f"{one.prior_median_ape:.1%} -> {one.median_ape:.1%}",
                    f"{one.prior_p90_ape:.1%} -> {one.p90_ape:.1%}",
                    f"{one.prior_coverage_80:.0%} -> {one.coverage_80:.0%}",
                )
            if len(found) > GROUPS_SHOWN:
                table.add_row(label(resource), by, f"... and {len(found) - GROUPS_SHOWN} more (--out, --json)")
    return table


def _cells(score: TableScore) -> tuple[str, ...]:
    counts = (f"{score.num_measured:,}", f"{score.num_predicted:,}")
    if score.median_ape is None or score.p90_ape is None or score.coverage_80 is None:
        return (*counts, "", "", "")
    return (*counts, f"{score.median_ape:.1%}", f"{score.p90_ape:.1%}", f"{score.coverage_80:.0%}")
