"""foretune weekly: the whole weekly job."""

from pathlib import Path

import click

from planner.cli.options import as_of_option, config_option

EXAMPLES = """\b
Examples:
  foretune weekly --config foretune.yaml
  foretune weekly --as-of 2026-11-16         replay a past Monday"""


@click.command(name="weekly", short_help="The whole weekly job: ingest to report.", epilog=EXAMPLES)
@config_option
@as_of_option
def command(config_path: Path, as_of_text: str | None) -> None:
    """Ingest new runs, recalibrate, track drift, forecast 12 weeks, publish the snapshot and write the report.

    Running it twice changes nothing; it may be stopped at any moment and run again.
    """
    from planner.cli.weekly_job import print_forecast, run_weekly

    report = run_weekly(config_path, as_of_text)
    print_forecast(config_path)
    click.echo(f"\nreport: {report}")
