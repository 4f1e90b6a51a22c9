"""foretune serve: the weekly job on a schedule, on one machine."""

from pathlib import Path

import click

from planner.cli.options import config_option


@click.command(
    name="serve",
    short_help="Run the weekly job on a schedule.",
    epilog="\b\nExample:\n  foretune serve --cron '0 6 * * MON'",
)
@config_option
@click.option("--cron", default="0 6 * * MON", show_default=True, help="When, in the programme's time zone.")
def command(config_path: Path, cron: str) -> None:
    """Run the weekly job on a schedule until stopped; needs no other service.

    For a Prefect server or work pool use prefect.yaml instead (`prefect deploy --all`).
    """
    from planner.cli.weekly_job import serve_weekly

    serve_weekly(config_path, cron)
