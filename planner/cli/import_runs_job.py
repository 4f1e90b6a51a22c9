"""The steps of `foretune import-runs`: read the table, land its rows, understand them."""

import os
from datetime import UTC, datetime, time
from pathlib import Path

import click
from rich.table import Table

from planner.catalog.load import load_catalog
from planner.cli.options import parse_as_of
from planner.cli.row_progress import row_progress
from planner.config_files import load_programme
from planner.domain.raw_batch import as_batch
from planner.report.terminal_tables import plain, print_table
from planner.settings import read_settings
from planner.sources.run_table_file import read_run_table
from planner.sources.run_table_runs import raw_runs
from planner.warehouse.connection import connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import land

REASONS_SHOWN = 10


def import_runs(runs_path: Path, config_path: Path, experiment: str | None, ended_at_text: str | None) -> None:
    """Lands the rows of a table and prints how many can be used, and why the others cannot."""
    catalog = load_catalog()
    programme = load_programme(config_path, catalog)
    rows = read_run_table(runs_path)
    if ended_at_text is None:
        day = datetime.fromtimestamp(runs_path.stat().st_mtime, UTC).date()
        ended_at = datetime.combine(day, time(), UTC)
    else:
        ended_at = parse_as_of(ended_at_text, programme.zone)
    source = f"csv:{runs_path.name}"
    with connect(read_settings(os.environ, config_path).warehouse_path) as db:
        with row_progress("importing", len(rows)) as one_done:
            batches = raw_runs(
                rows, catalog, experiment=experiment or runs_path.stem, ended_at=ended_at, progress=one_done
            )
            landed = land(db, source, map(as_batch, batches))
        click.echo("understanding ...", err=True)
        understand(db, catalog, programme)
        problems = db.execute(
            "select problem, count(*) from training_runs where source = ? group by problem order by 2 desc, 1",
            (source,),
        )
    usable = sum(count for problem, count in problems if problem is None)
    reasons = [(problem, count) for problem, count in problems if problem is not None]
    if reasons:
        _print_reasons(reasons)
    doubled = len(rows) - landed.num_read
    click.echo(
        f"{landed.num_read:,} runs read, {landed.num_changed:,} new or changed, {usable:,} can be learnt from"
        + (f"; {doubled:,} rows repeat an id and were left out" if doubled else "")
    )


def _print_reasons(reasons: list[tuple[str, int]]) -> None:
    table = Table("runs", "kept aside because")
    for problem, count in reasons[:REASONS_SHOWN]:
        table.add_row(f"{count:,}", plain(problem[:160]))
    if len(reasons) > REASONS_SHOWN:
        table.add_row(f"{sum(count for _, count in reasons[REASONS_SHOWN:]):,}", "other reasons")
    print_table(table)
