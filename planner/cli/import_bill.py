"""foretune import-bill: what runs really cost, from the bills of a cloud."""

import os
from pathlib import Path

import click

from planner.cli.options import config_option
from planner.units import format_usd

DEFAULT_TAGS = ("run_id", "mlflow_run_id", "run_name", "experiment")

EPILOG = """\b
Examples:
  foretune import-bill focus-2026-11.csv
  foretune import-bill exports/2026-11/ --tag-key ml-run --tag-key experiment
  foretune import-bill azure-focus.parquet --usd-columns"""


@click.command(name="import-bill", short_help="Read what runs cost from cloud bills.", epilog=EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--tag-key",
    "tag_keys",
    multiple=True,
    default=DEFAULT_TAGS,
    show_default=True,
    help="Tag whose value is a run's id, a run's name or an experiment; of several the first that a charge bears.",
)
@click.option("--usd-columns", is_flag=True, help="Take amounts from x_BilledCostInUsd and so on (Azure).")
@config_option
def command(files: tuple[Path, ...], tag_keys: tuple[str, ...], usd_columns: bool, config_path: Path) -> None:
    """Read cloud bills in the FOCUS format (CSV, CSV.GZ or Parquet; a folder holds all parts of one export).

    A charge belongs to the run that its tag names and that was at work in its time; runs that share a name or an
    experiment share its charges. What a run cost (EffectiveCost) then stands beside its estimate. A bill that is
    imported again, or a later export of the same days, takes the place of the earlier one.
    """
    from planner.catalog.load import load_catalog
    from planner.config_files import load_programme
    from planner.settings import read_settings
    from planner.sources.focus_bill import bill_files, read_bill
    from planner.warehouse.bills import land_bill, matched
    from planner.warehouse.connection import connect
    from planner.warehouse.facts import understand

    catalog = load_catalog()
    programme = load_programme(config_path, catalog)
    bill = read_bill(bill_files(files), tag_keys, usd_columns=usd_columns)
    with connect(read_settings(os.environ, config_path).warehouse_path) as db:
        landed = land_bill(db, bill.lines, bill.days)
        understand(db, catalog, programme)
        found = matched(db, bill.lines)
    click.echo(f"{bill.num_rows:,} charges read, {landed.num_lines:,} of them tagged {' or '.join(tag_keys)}")
    if landed.num_lines < bill.num_rows:
        click.echo(f"charges without the tag, left out: {format_usd(float(bill.untagged_usd))}")
    if landed.num_replaced:
        names = f", among them those of {', '.join(landed.replaced_files)}" if landed.replaced_files else ""
        click.echo(f"{landed.num_replaced:,} charges of the same days replaced{names}")
    click.echo(f"{format_usd(float(found.matched_usd))} belong to {found.num_runs:,} runs")
    if found.num_unmatched:
        click.echo(
            f"{format_usd(float(found.unmatched_usd))} in {found.num_unmatched:,} charges belong to no run that is in "
            "the warehouse and was at work then: `foretune ingest` reads new runs and matches again"
        )
