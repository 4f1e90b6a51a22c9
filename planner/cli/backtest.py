"""foretune backtest: predictions for runs that have already happened."""

from pathlib import Path

import click

from planner.cli.options import as_of_option, config_option, json_option
from planner.errors import ConfigError

EXAMPLES = """\b
Examples:
  foretune backtest --runs runs.csv --out predictions.csv
  foretune backtest --runs new.csv --history old.csv --out predictions.csv --json
  foretune backtest --from-warehouse --out backtest.html"""


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
@click.option("--from-warehouse", is_flag=True, help="Predict your own past runs instead, each from earlier ones.")
@click.option(
    "--out",
    "out_path",
    type=click.Path(path_type=Path),
    help="Where the predictions go, as CSV; with --from-warehouse: where the picture goes, as HTML.",
)
@config_option
@as_of_option
@json_option
def command(
    runs_path: Path | None,
    history_path: Path | None,
    from_warehouse: bool,
    out_path: Path | None,
    config_path: Path,
    as_of_text: str | None,
    as_json: bool,
) -> None:
    """Predict past runs and show how far off the predictions are.

    With --from-warehouse every run that the weekly job knows is predicted from those that had ended before it started:
    errors and coverage before and after calibration, over time, by group and by the number of own runs.

    With --runs peak memory, speed and whether it fits are predicted for every row of a table. Only columns that
    describe what was asked for are read to predict; measured columns, where the table has them, are read afterwards to
    score. A row that cannot be predicted says why in the column error.
    """
    if from_warehouse:
        from planner.cli.backtest_warehouse_job import backtest_warehouse

        if runs_path is not None or history_path is not None:
            raise ConfigError("--from-warehouse reads your own runs: leave --runs and --history out")
        backtest_warehouse(config_path, as_of_text, out_path, as_json=as_json)
        return
    from planner.cli.backtest_job import backtest_table

    if runs_path is None or out_path is None:
        missing = "--runs" if runs_path is None else "--out"
        raise ConfigError(f"{missing} is missing: foretune backtest --runs runs.csv --out predictions.csv")
    backtest_table(runs_path, history_path, out_path, as_json=as_json)
