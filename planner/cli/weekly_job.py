"""Starts the flows from the command line: checks what can be checked first, then brings in Prefect."""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from planner.catalog.load import load_catalog
from planner.catalog.price_file import with_own_prices
from planner.cli.options import parse_as_of
from planner.config_files import load_programme
from planner.forecast.plan import check_plan
from planner.sources.reader import check_stores


def run_weekly(config_path: Path, as_of_text: str | None) -> Path:
    """The weekly flow; the path of the report."""
    catalog = load_catalog()
    programme = load_programme(config_path, catalog)
    as_of = parse_as_of(as_of_text, programme.zone)
    check_plan(programme, with_own_prices(catalog, programme.prices).prices, as_of.date())
    check_stores(programme)
    _start_prefect(PREFECT_SETTINGS | OWN_PROGRESS)
    from flows.forecast_weekly import forecast_weekly

    _show_progress()
    return forecast_weekly(config_path.resolve(), as_of)


def run_ingest(config_path: Path) -> None:
    """The ingest flow, then what is in the warehouse by experiment."""
    check_stores(load_programme(config_path, load_catalog()))
    _start_prefect(PREFECT_SETTINGS | OWN_PROGRESS)
    from flows.ingest_runs import ingest_runs

    _show_progress()
    num_runs = ingest_runs(config_path.resolve())
    click.echo(f"{num_runs} runs in the warehouse")


def serve_weekly(config_path: Path, cron: str) -> None:
    """Serve the weekly flow on a schedule until stopped, with Prefect's own log."""
    check_stores(load_programme(config_path, load_catalog()))
    os.environ.update(PREFECT_SETTINGS)
    from flows.local_server import local_server
    from flows.serving import check_cron, serve_until_stopped

    try:
        check_cron(cron)
    except ValueError as error:
        raise click.BadParameter(
            f"{cron!r} is no schedule such as '0 6 * * MON' ({error})", param_hint="--cron"
        ) from error

    with ExitStack() as stack:
        if not os.environ.get("PREFECT_API_URL"):
            click.echo("starting a Prefect server on this machine (about fifteen seconds) ...", err=True)
            os.environ["PREFECT_API_URL"] = stack.enter_context(local_server())
        click.echo("serving; stop with Ctrl-C", err=True)
        if code := serve_until_stopped(config_path.resolve(), cron):
            raise click.exceptions.Exit(code)


PREFECT_SETTINGS = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "foretune",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
OWN_PROGRESS = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_LOGGING_TO_API_ENABLED": "false"}
"""On a terminal our own progress lines stand instead of Prefect's log."""


def _start_prefect(settings: Mapping[str, str]) -> None:
    """Settings that the environment does not make itself; a server is only started if none is configured."""
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    if not os.environ.get("PREFECT_API_URL") and "prefect" not in sys.modules:
        click.echo("starting Prefect (about ten seconds) ...", err=True)


def _show_progress() -> None:
    """Our log lines to standard error; to be called after Prefect was imported, which sets up logging itself."""
    import logging

    from flows.log import LOGGER_NAME

    class Line(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            click.echo(f"     {record.getMessage()}", err=True)

    logger = logging.getLogger(LOGGER_NAME)
    logger.handlers = [Line()]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def print_forecast(config_path: Path) -> None:
    """The published forecast by week."""
    from planner.cli.published import read_published
    from planner.report.terminal_tables import forecast_table, print_table

    click.echo("\nforecast of each week, p50 (p10-p90)")
    print_table(forecast_table(read_published(config_path, "weekly_forecast")))
