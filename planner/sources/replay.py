"""Replays published runs into an MLflow store, as the runs of a made-up company: the data of the demo."""

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from planner.catalog.load import Catalog, load_catalog
from planner.errors import InputError, StoreError
from planner.sources.demo_calendar import DemoRun, demo_runs
from planner.sources.demo_experiments import DEMO_EXPERIMENTS
from planner.sources.demo_log import metrics_of, params_of, system_samples_of
from planner.sources.published_runs import read_published_runs

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

BYTES_PER_TOKEN = 4.2
"""Made-up size of the text of one token in the demo's datasets."""
QUIET_LOGGERS = ("mlflow", "alembic")
TELEMETRY_SWITCH = "MLFLOW_DISABLE_TELEMETRY"


def replay(
    table: Path,
    tracking_uri: str,
    *,
    until: datetime,
    weeks: int = 26,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Logs the runs of the ``weeks`` weeks before ``until`` into the store and returns how many.

    Every figure is one that ``table`` took from its source; dates, experiments and numbers of steps are made up. The
    store must not hold the demo's experiments yet. ``progress`` is called with runs done and runs in all.
    """
    if until.tzinfo is None:
        raise InputError(f"until {until.isoformat()} has no time zone: add one, for example +00:00")
    if weeks < 1:
        raise InputError(f"weeks {weeks}: at least 1 is needed")
    catalog = load_catalog()
    runs = demo_runs(DEMO_EXPERIMENTS, read_published_runs(table, catalog), until=until, weeks=weeks)
    os.environ.setdefault(TELEMETRY_SWITCH, "true")
    from mlflow.tracking import MlflowClient

    with _quiet():
        client = MlflowClient(tracking_uri)
        experiment_ids = _create_experiments(client, {run.experiment.name for run in runs}, tracking_uri)
        for done, run in enumerate(runs, start=1):
            _log(client, experiment_ids[run.experiment.name], run, catalog)
            if progress is not None:
                progress(done, len(runs))
    return len(runs)


@contextmanager
def _quiet() -> Iterator[None]:
    """No chatter about tables that MLflow creates, no warnings about what MLflow itself should renew."""
    loggers = [logging.getLogger(name) for name in QUIET_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _create_experiments(client: "MlflowClient", names: set[str], tracking_uri: str) -> dict[str, str]:
    present = sorted(name for name in names if client.get_experiment_by_name(name) is not None)
    if present:
        raise StoreError(
            f"{tracking_uri}: already holds the experiment {present[0]!r}; the demo needs a store of its own, "
            "so choose a new file"
        )
    return {
        name: client.create_experiment(name, artifact_location=f"mlflow-artifacts:/{name}") for name in sorted(names)
    }


def _log(client: "MlflowClient", experiment_id: str, run: DemoRun, catalog: Catalog) -> None:
    from mlflow.entities import Metric, Param

    start_ms, end_ms = (_milliseconds(time) for time in (run.started_at, run.ended_at))
    created = client.create_run(experiment_id, start_time=start_ms, run_name=run.name, tags=_tags(run))
    run_id = created.info.run_id
    params = [Param(key, value) for key, value in params_of(run, catalog).items()]
    metrics: list[Metric] = []
    if run.published.outcome == "ok":
        metrics = [Metric(key, value, end_ms, run.max_steps) for key, value in metrics_of(run).items()]
        metrics += [
            Metric(key, value, start_ms + round(at_s * 1000), step)
            for step, (at_s, key, value) in enumerate(system_samples_of(run))
        ]
        if run.experiment.dataset is not None:
            client.log_inputs(run_id, datasets=[_dataset(run, run.experiment.dataset)])
    client.log_batch(run_id, metrics=metrics, params=params)
    status = "FINISHED" if run.published.outcome == "ok" else "FAILED"
    client.set_terminated(run_id, status=status, end_time=end_ms)


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _tags(run: DemoRun) -> dict[str, str]:
    published = run.published
    return {
        "mlflow.user": "trainer",
        "mlflow.source.name": "train.py",
        "demo.published_run": published.run,
        "demo.source": f"{published.source_repository}@{published.source_commit}:{published.source_path}",
    }


def _dataset(run: DemoRun, name: str) -> Any:
    from mlflow.entities import Dataset, DatasetInput

    tokens = run.max_steps * (run.published.tokens_per_step or 0.0)
    rows = round(tokens / (run.published.config.mean_tokens_per_sample or run.published.config.seq_len or 1))
    return DatasetInput(
        Dataset(
            name=name,
            digest=f"{crc32(run.name.encode()):08x}",
            source_type="local",
            source=json.dumps({"uri": f"datasets/{name}-{run.started_at:%Y-%m-%d}.jsonl"}),
            profile=json.dumps({"num_rows": rows, "dataset_size": round(tokens * BYTES_PER_TOKEN)}),
        )
    )
