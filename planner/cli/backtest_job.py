"""The steps of `foretune backtest --runs`: read, learn, predict, write, score."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from planner.calibration.table_predictions import TablePrediction, learn_from_rows, predict_all
from planner.calibration.table_scores import TableSummary, summarise
from planner.catalog.load import load_catalog
from planner.cli.row_progress import row_progress
from planner.domain.calibration import Calibration
from planner.errors import ConfigError
from planner.report.backtest_table import errors_table, fits_line, scores_table
from planner.report.terminal_tables import print_table
from planner.sources.run_table_file import read_run_table, write_predictions

Rows = Sequence[Mapping[str, str]]


def backtest_table(runs_path: Path, history_path: Path | None, out_path: Path, *, as_json: bool) -> None:
    """Predictions of one table into ``out_path``; the summary to standard output, progress to standard error."""
    for given in (runs_path, history_path):
        if given is not None and given.resolve() == out_path.resolve():
            raise ConfigError(f"--out {out_path} is one of the tables that are read: choose another file")
    rows = read_run_table(runs_path)
    calibration = None if history_path is None else _learn(read_run_table(history_path), rows)
    predictions = _predict(rows, calibration)
    write_predictions(out_path, predictions)
    summary = summarise(rows, predictions)
    if as_json:
        click.echo(summary.model_dump_json(indent=2))
    else:
        _print(summary, out_path, calibration)


def _learn(history: Rows, rows: Rows) -> Calibration:
    to_predict = frozenset(row["id"] for row in rows)
    with row_progress("learning", len(history)) as one_done:
        return learn_from_rows(history, load_catalog(), without_ids=to_predict, progress=one_done)


def _predict(rows: Rows, calibration: Calibration | None) -> list[TablePrediction]:
    predictions = []
    with row_progress("predicting", len(rows)) as one_done:
        for prediction in predict_all(rows, load_catalog(), calibration):
            predictions.append(prediction)
            one_done()
    return predictions


def _print(summary: TableSummary, out_path: Path, calibration: Calibration | None) -> None:
    if summary.scores:
        print_table(scores_table(summary))
        click.echo(fits_line(summary))
    if summary.errors:
        print_table(errors_table(summary))
    learnt = "the shipped physics alone" if calibration is None else f"{calibration.num_runs:,} measured rows"
    click.echo(f"{summary.num_predicted:,} of {summary.num_rows:,} rows predicted from {learnt}: {out_path}")
