"""foretune import-runs: a table of past runs into the warehouse."""

from pathlib import Path

import click

from planner.cli.options import config_option

EXAMPLES = """\b
Examples:
  foretune import-runs runs.csv
  foretune import-runs runs.csv --experiment support-bot --ended-at 2026-10-01"""


@click.command(name="import-runs", short_help="Read a table of past runs into the warehouse.", epilog=EXAMPLES)
@click.argument("runs_path", metavar="FILE.csv", type=click.Path(path_type=Path))
@config_option
@click.option("--experiment", default=None, help="Experiment of rows that name none. Default: the file's name.")
@click.option(
    "--ended-at",
    "ended_at_text",
    metavar="DATE",
    default=None,
    help="Day on which rows without ended_at are taken to have ended (YYYY-MM-DD). Default: the file's own date.",
)
def command(runs_path: Path, config_path: Path, experiment: str | None, ended_at_text: str | None) -> None:
    """Read a table of past runs (columns: docs/import-format.md) into the warehouse, for teams without MLflow.

    The next weekly run learns from them. Importing a file again changes nothing; a row whose cells make no sense is
    kept aside with the reason (`foretune history --unread` after the next weekly run).
    """
    from planner.cli.import_runs_job import import_runs

    import_runs(runs_path, config_path, experiment, ended_at_text)
