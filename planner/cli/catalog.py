"""foretune catalog: what accelerators, models and prices are known."""

import click
from rich.console import Console

from planner.catalog.load import load_catalog
from planner.report.text import catalog_table


@click.command(
    name="catalog",
    short_help="List known accelerators, models or prices.",
    epilog="\b\nExamples:\n  foretune catalog models llama\n  foretune catalog prices h100",
)
@click.argument("kind", type=click.Choice(["accelerators", "models", "prices"]))
@click.argument("contains", default="")
def command(kind: str, contains: str) -> None:
    """List known accelerators, models or prices, all or those whose name contains a text."""
    table = catalog_table(load_catalog(), kind, contains.lower())
    Console().print(table if table.row_count else f"no {kind} with {contains!r} in the name")
