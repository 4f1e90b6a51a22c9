"""foretune demo: the whole job on published runs."""

from pathlib import Path

import click

EXAMPLES = """\b
Example:
  foretune demo --folder /tmp/foretune-demo"""


@click.command(name="demo", short_help="See the whole job on published runs, in about a minute.", epilog=EXAMPLES)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("foretune-demo"),
    show_default=True,
    help="Where the demo's MLflow store, warehouse and report go.",
)
def command(folder: Path) -> None:
    """Show the whole job in about a minute: fill an MLflow store with published, measured fine-tuning runs, run the
    weekly flow on it, let the gate pass one run and block another.

    The figures are published measurements (sources in the store's tags); the company and its calendar are made up.
    """
    from planner.cli.demo_job import run_demo

    run_demo(folder)
