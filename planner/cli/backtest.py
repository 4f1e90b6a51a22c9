"""foretune backtest: predictions for runs that have already happened."""

from pathlib import Path

import click

from planner.cli.options import json_option
from planner.errors import ConfigError

EXAMPLES = """\b
Examples:
  foretune backtest --runs runs.csv --out predictions.csv
  foretune backtest --runs new.csv --history old.csv --out predictions.csv --json"""


@click.command(name="backtest", short_help="Predict past runs and score the predictions.", epilog=EXAMPLES)
@click.option(
    "--runs",
    "runs_path",
    type=click.Path(path_type=Path),
    help="Table of runs to predict, one row a run (columns: docs/import-format.md).",
)
@click.option(
    "--history",
    "history_path",
    type=click.Path(path_type=Path),
    help="Table of measured runs to learn from first. Without it the shipped physics alone predicts.",
)
@click.option("--out", "out_path", type=click.Path(path_type=Path), help="Where the predictions go, as CSV.")
@json_option
def command(runs_path: Path | None, history_path: Path | None, out_path: Path | None, as_json: bool) -> None:
    """Predict peak memory, speed and whether it fits for every row of a table of runs.

    Only columns that describe what was asked for are read to predict; measured columns, where the table has them, are
    read afterwards to score. A row that cannot be predicted says why in the column error.
    """
    from planner.cli.backtest_job import backtest_table

    if runs_path is None or out_path is None:
        missing = "--runs" if runs_path is None else "--out"
        raise ConfigError(f"{missing} is missing: foretune backtest --runs runs.csv --out predictions.csv")
    backtest_table(runs_path, history_path, out_path, as_json=as_json)
