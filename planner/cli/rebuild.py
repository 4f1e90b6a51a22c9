"""foretune rebuild: everything that follows from the raw rows, without asking any store."""

from datetime import UTC, datetime
from pathlib import Path

import click

from planner.cli.options import config_option
from planner.errors import WarehouseError


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
    from flows.context import open_context
    from flows.one_at_a_time import one_at_a_time
    from planner.warehouse.build import broken_rules, build
    from planner.warehouse.connection import connect
    from planner.warehouse.facts import understand
    from planner.warehouse.snapshot import publish

    context = open_context(config_path)
    programme, settings = context.programme, context.settings
    if not settings.warehouse_path.is_file():
        raise WarehouseError(
            f"no warehouse at {settings.warehouse_path}: run `foretune ingest` once, or set FORETUNE_HOME"
        )
    now = datetime.now(UTC)
    with one_at_a_time(settings.home), connect(settings.warehouse_path) as db:
        understand(db, context.catalog, programme, now=now)
        build(db, time_zone=programme.time_zone, as_of=now)
        for told in broken_rules(db):
            click.echo(f"warn {told}", err=True)
        publish(db, settings.snapshot_path)
        ((num_runs,),) = db.execute("select count(*) from training_runs")
    click.echo(f"{num_runs} runs; marts and snapshot are built anew")
