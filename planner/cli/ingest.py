"""foretune ingest: past runs into the warehouse."""

from pathlib import Path

import click

from planner.cli.options import config_option


@click.command(
    name="ingest",
    short_help="Read past runs into the warehouse.",
    epilog="\b\nExample:\n  foretune ingest --config foretune.yaml",
)
@config_option
def command(config_path: Path) -> None:
    """Read new and changed runs of all sources into the warehouse; the stores are only read, never written.

    Prints what was read, what could be understood, and why the rest could not.
    """
    from planner.cli.weekly_job import run_ingest

    run_ingest(config_path)
