"""foretune drift: estimate against actual over time."""

import json
from pathlib import Path

import click

from planner.cli.options import config_option, json_option

EXIT_DRIFT = 3


@click.command(
    name="drift",
    short_help="Print where estimates and actual use moved apart.",
    epilog="\b\nExample:\n  foretune drift --fail-on open",
)
@config_option
@click.option("--fail-on", type=click.Choice(["open"]), default=None, help="Exit with 3 if any group is drifting.")
@json_option
def command(config_path: Path, fail_on: str | None, as_json: bool) -> None:
    """Print where estimates and actual use have moved apart, as of the last weekly run."""
    from planner.cli.published import read_published
    from planner.report.terminal_tables import drift_table, print_table

    rows = read_published(config_path, "drift_status")
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
    else:
        print_table(drift_table(rows))
    if fail_on and any(row["state"] == "drifting" for row in rows):
        raise SystemExit(EXIT_DRIFT)
