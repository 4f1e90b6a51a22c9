"""foretune catalog: what hardware, models and prices are known."""

import click

from planner.catalog.load import load_catalog
from planner.report.terminal_tables import catalog_table, print_table


@click.command(
    name="catalog",
    short_help="List known hardware, models or prices.",
    epilog="\b\nExamples:\n  foretune catalog models llama\n  foretune catalog instances h100",
)
@click.argument("kind", type=click.Choice(["accelerators", "cpus", "instances", "models", "prices"]))
@click.argument("contains", default="")
def command(kind: str, contains: str) -> None:
    """List known accelerators, CPUs, cloud instances, models or prices, all or those whose name contains a text."""
    table = catalog_table(load_catalog(), kind, contains.lower())
    if table.row_count:
        print_table(table)
    else:
        click.echo(f"no {kind} with {contains!r} in the name")
