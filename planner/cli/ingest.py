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

    Prints how many runs of each source were read, how many changed and how many could not be landed. `foretune history
    --unread` says which could not be understood, and why.
    """
    from planner.cli.weekly_job import run_ingest

    run_ingest(config_path)
