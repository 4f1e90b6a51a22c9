"""The steps of `foretune backtest --from-warehouse`: read past runs, predict each from earlier ones, score, show."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from planner.calibration.backtest import rolling_origin
from planner.calibration.backtest_scores import backtest_scores
from planner.calibration.compare import at_own_prices, compare
from planner.catalog.load import load_catalog
from planner.catalog.price_file import with_own_prices
from planner.cli.html_file import write_html
from planner.cli.options import parse_as_of
from planner.cli.row_progress import row_progress
from planner.config_files import load_programme
from planner.domain.price_book import PriceBook
from planner.domain.programme import Programme
from planner.domain.training_run import TrainingRun
from planner.errors import ConfigError
from planner.estimator.constants import PRIOR
from planner.report.backtest_page import BacktestPage
from planner.report.backtest_table import before_and_after_table
from planner.report.terminal_tables import print_table
from planner.settings import read_settings
from planner.warehouse.connection import open_snapshot
from planner.warehouse.tables import read


def backtest_warehouse(config_path: Path, as_of_text: str | None, out_path: Path | None, *, as_json: bool) -> None:
    """Scores to standard output, the page into ``out_path``, progress to standard error."""
    catalog = load_catalog()
    programme = load_programme(config_path, catalog)
    as_of = parse_as_of(as_of_text, programme.zone)
    runs = _runs(config_path, programme, as_of)
    prices = with_own_prices(catalog, programme.prices).prices
    page = _backtest(programme, runs, as_of, prices)
    if out_path is not None:
        from planner.report.render import render_backtest

        write_html(out_path, render_backtest(page), "--out")
    if as_json:
        click.echo(page.model_dump_json(indent=2))
        return
    print_table(before_and_after_table(page))
    click.echo(
        f"{page.num_runs:,} runs, each predicted from those that had ended before it started "
        f"(learnt anew {page.num_calibrations:,} times)"
    )
    click.echo(
        f"every group, and the pictures: {out_path}" if out_path else "every group, and pictures: --out FILE.html"
    )


def _runs(config_path: Path, programme: Programme, as_of: datetime) -> list[TrainingRun]:
    snapshot = read_settings(os.environ, config_path).snapshot_path
    with open_snapshot(snapshot) as db:
        found = read(db, "training_runs", TrainingRun, "started_at is null or started_at < ?", (as_of,))
    return at_own_prices(found, programme)


def _backtest(programme: Programme, runs: Sequence[TrainingRun], as_of: datetime, prices: PriceBook) -> BacktestPage:
    with row_progress("estimating", len(runs), "runs") as one_done:
        comparison = compare(_counted(runs, one_done), prices)
    past = [case for case in comparison.cases if case.residuals[0].ended_at < as_of]
    if not past:
        raise ConfigError(
            f"{len(runs):,} runs are known, and none has finished with figures to compare: name your tracking store "
            "under sources in foretune.yaml and run `foretune weekly`; `foretune history --unread` says why runs are "
            "not understood"
        )
    bounds = [bound for bound in comparison.bounds if bound.ended_at < as_of]
    with row_progress("predicting", len(past), "runs") as one_done:
        predictions = rolling_origin(past, prior=PRIOR, bounds=bounds, progress=lambda done: _repeat(one_done, done))
    return BacktestPage(
        programme=programme.name,
        as_of=as_of,
        time_zone=programme.time_zone,
        num_runs=len(past),
        num_refused=len(comparison.refusals),
        num_calibrations=len({one.calibrated_at for one in predictions}),
        scores=backtest_scores(past, predictions, programme.zone),
    )


def _counted(runs: Sequence[TrainingRun], one_done: Callable[[], None]) -> Iterator[TrainingRun]:
    for run in runs:
        yield run
        one_done()


def _repeat(one_done: Callable[[], None], times: int) -> None:
    for _ in range(times):
        one_done()
