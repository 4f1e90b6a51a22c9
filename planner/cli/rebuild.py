"""foretune rebuild: everything that follows from the raw rows, without asking any store."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from planner.catalog.load import load_catalog
from planner.catalog.price_file import with_own_prices
from planner.cli.options import config_option
from planner.config_files import load_programme
from planner.errors import WarehouseError
from planner.settings import read_settings


@click.command(
    name="rebuild",
    short_help="Build all marts anew from the raw rows.",
    epilog="\b\nExample:\n  foretune rebuild --config foretune.yaml",
)
@config_option
def command(config_path: Path) -> None:
    """Interpret the raw rows of the warehouse and build all marts and the snapshot anew; no tracking store is asked.

    For a new version of foretune, or after hardware rules or prices changed. Calibrations and forecasts stay as they
    are: `foretune weekly` makes new ones.
    """
    from flows.one_at_a_time import one_at_a_time
    from planner.warehouse.build import build, run_checks
    from planner.warehouse.connection import connect
    from planner.warehouse.facts import understand
    from planner.warehouse.snapshot import publish

    programme = load_programme(config_path, load_catalog())
    settings = read_settings(os.environ, config_path)
    if not settings.warehouse_path.is_file():
        raise WarehouseError(
            f"no warehouse at {settings.warehouse_path}: run `foretune ingest` once, or set FORETUNE_HOME"
        )
    now = datetime.now(UTC)
    with one_at_a_time(settings.home), connect(settings.warehouse_path) as db:
        understand(db, with_own_prices(load_catalog(), programme.prices), programme, now=now)
        build(db, time_zone=programme.time_zone, as_of=now)
        for check, rows in run_checks(db).items():
            click.echo(f"warn {check}: {len(rows)} rows, the first is {rows[0]}", err=True)
        publish(db, settings.snapshot_path)
        ((num_runs,),) = db.execute("select count(*) from training_runs")
    click.echo(f"{num_runs} runs; marts and snapshot are built anew")
