"""foretune history: the ingested runs, and why some are not understood."""

import json
from pathlib import Path

import click

from planner.cli.options import config_option, json_option


@click.command(
    name="history",
    short_help="Print the past runs as understood.",
    epilog="\b\nExamples:\n  foretune history\n  foretune history --unread",
)
@config_option
@click.option("--unread", is_flag=True, help="Only runs that could not be understood, with the reason.")
@json_option
def command(config_path: Path, unread: bool, as_json: bool) -> None:
    """Print the past runs as the last weekly run understood them."""
    from planner.cli.published import read_published
    from planner.report.terminal_tables import history_table, print_table, unread_table

    rows = read_published(config_path, "unread_runs" if unread else "run_history")
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
    else:
        print_table((unread_table if unread else history_table)(rows))
