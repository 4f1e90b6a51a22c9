"""foretune forecast: the published forecast."""

import json
from pathlib import Path

import click

from planner.cli.options import config_option, json_option


@click.command(
    name="forecast",
    short_help="Print the published forecast.",
    epilog="\b\nExample:\n  foretune forecast --json | jq '.[] | select(.resource==\"cost_usd\")'",
)
@config_option
@json_option
def command(config_path: Path, as_json: bool) -> None:
    """Print the forecast that the last weekly run published: p50 (p10-p90) of each of the next 12 weeks."""
    from planner.cli.published import read_published
    from planner.cli.weekly_job import print_forecast

    if as_json:
        click.echo(json.dumps(read_published(config_path, "weekly_forecast"), indent=2, default=str))
    else:
        print_forecast(config_path)
