"""The demo's steps: fill a store, run the weekly job, ask the gate twice, run the weekly job again."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from planner.cli.session import open_session
from planner.cli.weekly_job import print_forecast, run_weekly
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
    config_path, as_of = folder / "foretune.yaml", monday.date().isoformat()

    click.echo("1/4  an MLflow store with published, measured runs; the company and its calendar are made up")
    _fill(folder / STORE, examples / "published_runs.csv", monday)
    click.echo("2/4  the weekly flow: ingest, calibrate, drift, forecast, report")
    run_weekly(config_path, as_of)
    click.echo("3/4  the gate: one run passes, one is blocked")
    session = open_session(config_path)
    for name in RUNS:
        decision = session.decide(session.load_run(folder / name, ()))
        session.log(decision)
        print_decision(decision)
    click.echo("4/4  the weekly flow again: nothing is doubled, and the report now shows the gate's decisions")
    report = run_weekly(config_path, as_of)
    print_forecast(config_path)
    click.echo(f"\nOpen the report in a browser: {report.resolve()}")
    click.echo(f"Your own run: foretune gate {folder / RUNS[0]} --config {config_path} --set micro_batch_size=64")
    click.echo("Your own history: foretune init, put your tracking URI into foretune.yaml, foretune weekly")


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
