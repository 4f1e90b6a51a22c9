"""The demo's steps: fill a store, run the weekly job, ask the gate twice."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from planner.cli.session import open_session
from planner.cli.weekly_job import run_weekly
from planner.report.text import print_decision
from planner.settings import shipped_folder

STORE = "mlflow.db"
RUNS = ("run-passes.yaml", "run-blocked.yaml")


def run_demo(folder: Path) -> None:
    """All steps in ``folder``; a store that is there already is used again."""
    monday = _last_monday(datetime.now(UTC))
    folder.mkdir(parents=True, exist_ok=True)
    examples = shipped_folder("examples")
    for file in sorted((examples / "demo").glob("*.yaml")):
        shutil.copyfile(file, folder / file.name)

    click.echo("1/3  an MLflow store with published, measured runs; company and calendar are made up")
    _fill(folder / STORE, examples / "published_runs.csv", monday)
    click.echo("2/3  the weekly flow: ingest, calibrate, drift, forecast, report")
    report = run_weekly(folder / "foretune.yaml", monday.date().isoformat())
    click.echo("3/3  the gate: one run passes, one is blocked")
    session = open_session(folder / "foretune.yaml")
    for name in RUNS:
        decision = session.decide(session.load_run(folder / name, ()))
        session.log(decision)
        print_decision(decision)
    click.echo(f"\nOpen the report in a browser: {report.resolve()}")
    click.echo(f"Next: foretune gate {folder / RUNS[0]} --config {folder / 'foretune.yaml'}, or `foretune init` for your own runs.")


def _last_monday(now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())


def _fill(store: Path, table: Path, until: datetime) -> None:
    if store.exists():
        click.echo(f"     {store} is there already: used as it is")
        return
    from planner.sources.replay import replay

    draft = store.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    columns = (TextColumn("     runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("runs", total=None)
        replay(
            table,
            f"sqlite:///{draft.resolve()}",
            until=until,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    draft.replace(store)
