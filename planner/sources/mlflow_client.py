"""Reads a tracking store through MLflow's client: servers, Databricks, file stores, databases other than SQLite."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import ConnectionError as NoConnectionError
from requests import RequestException, Timeout
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from planner.domain.raw_batch import RawBatch, as_batch
from planner.domain.raw_run import RawInput, RawMetric, RawModel, RawRun
from planner.domain.tracking_uri import redact_uri
from planner.errors import StoreError, StoreUnreachableError
from planner.sources.in_parallel import in_parallel
from planner.sources.mlflow_samples import SampleHistories, latest_points, point
from planner.sources.reader import (
    BATCH_RUNS,
    OPEN_STATUSES,
    PERSONAL_TAGS,
    SYSTEM_PREFIX,
    Experiment,
    Seen,
    is_sqlite,
    matching,
    without_secrets,
)

Answer = TypeVar("Answer")

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""MLflow's own defaults wait for minutes on a server that is down. What the environment already says is kept."""

EXPERIMENTS_PER_PAGE = 1000
RUNS_PER_PAGE = 500
PARALLEL_REQUESTS = 4
PARALLEL_SEARCHES = 2
NOT_DATABASES = ("http", "https", "databricks", "file", "uc")
SIGNS_OF_NO_ANSWER = ("Max retries exceeded", "timed out", "Connection refused", "error code 502", "error code 503")


class ClientReader:
    """A tracking store behind MLflow's client. It never touches a store that does not exist yet."""

    def __init__(self, tracking_uri: str) -> None:
        self.source = redact_uri(tracking_uri)
        self._uri = tracking_uri
        if is_sqlite(tracking_uri):
            raise StoreError(f"{self.source}: an SQLite store is read from its file, not through MLflow's client")
        _refuse_missing_folder(tracking_uri)
        if "://" in tracking_uri and tracking_uri.partition("://")[0] not in NOT_DATABASES:
            self._ask(partial(_refuse_database_without_store, tracking_uri))
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        self._client = self._ask(partial(MlflowClient, tracking_uri=tracking_uri))
        self._samples = SampleHistories(self._client, tracking_uri, self._ask)

    def close(self) -> None:
        """MLflow's client keeps its connections to itself."""

    def experiments(self) -> list[Experiment]:
        search = partial(self._client.search_experiments, view_type=ViewType.ALL, max_results=EXPERIMENTS_PER_PAGE)
        found = [
            Experiment(str(e.experiment_id), e.name, e.lifecycle_stage) for page in self._pages(search) for e in page
        ]
        return sorted(found, key=lambda e: (len(e.experiment_id), e.experiment_id))

    def read(self, experiment_patterns: Iterable[str], seen: Seen | None = None) -> Iterator[RawBatch]:
        names = {e.experiment_id: e.name for e in matching(self.experiments(), experiment_patterns)}
        done: set[str] = set()
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            for page in self._run_pages(list(names), seen):
                found = [run for run in page if run.info.run_id not in done]
                done.update(run.info.run_id for run in found)
                fresh = [run for run in found if seen is None or not _is_known_as_deleted(run, seen)]
                if fresh:
                    yield self._batch(fresh, names, pool)
            missing = sorted((seen.open | seen.deleted) - done) if seen else []
            for first in range(0, len(missing), BATCH_RUNS):
                again = pool.map(self._run_or_none, missing[first : first + BATCH_RUNS])
                wanted = [run for run in again if run is not None and str(run.info.experiment_id) in names]
                if wanted:
                    yield self._batch(wanted, names, pool)

    def artifact_uris(self, run_ids: Sequence[str]) -> dict[str, str]:
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            return {run.info.run_id: run.info.artifact_uri for run in pool.map(self._run_or_none, run_ids) if run}

    def _batch(self, runs: Sequence[Run], names: dict[str, str], pool: ThreadPoolExecutor) -> RawBatch:
        histories = self._samples.of(runs, pool)
        models = pool.map(self._models, runs)
        return as_batch(
            [
                raw_run(run, names[str(run.info.experiment_id)], histories.get(run.info.run_id, ()), found)
                for run, found in zip(runs, models, strict=True)
            ]
        )

    def _run_pages(self, experiment_ids: list[str], seen: Seen | None) -> Iterator[list[Run]]:
        """Pages in ascending start time: runs that arrive meanwhile come last and shift no page.

        The experiments are dealt to a few searches that go on at once.
        """
        shares = [experiment_ids[first::PARALLEL_SEARCHES] for first in range(PARALLEL_SEARCHES)]
        yield from in_parallel([self._pages_of(share, seen) for share in shares if share])

    def _pages_of(self, experiment_ids: list[str], seen: Seen | None) -> Iterator[list[Run]]:
        searches: list[tuple[str, int]] = [("", ViewType.ALL)]
        if seen is not None:
            searches = [(f"attributes.end_time >= {seen.ended_since_ms:d}", ViewType.ALL), ("", ViewType.DELETED_ONLY)]
            searches += [(f"attributes.status = '{status}'", ViewType.ALL) for status in OPEN_STATUSES]
        for condition, view in searches:
            yield from self._pages(
                partial(
                    self._client.search_runs,
                    experiment_ids,
                    filter_string=condition,
                    run_view_type=view,
                    max_results=RUNS_PER_PAGE,
                    order_by=["attributes.start_time ASC"],
                )
            )

    def _pages(self, search: Callable[..., Any]) -> Iterator[list[Any]]:
        token: str | None = None
        while True:
            page = self._ask(partial(search, page_token=token))
            yield list(page)
            token = page.token
            if not token:
                return

    def _run_or_none(self, run_id: str) -> Run | None:
        """The run, or None where the store holds it no more."""
        try:
            return self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise self._failure(error) from error

    def _models(self, run: Run) -> list[RawModel]:
        outputs = run.outputs.model_outputs if run.outputs else ()
        found = []
        for output in outputs:
            model = self._ask(partial(self._client.get_logged_model, output.model_id))
            at = model.creation_timestamp
            found.append(RawModel(model.model_id, model.name, model.model_type or "", output.step, at))
        return found

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """The store's answer; every way in which it fails becomes a ``StoreError`` without credentials."""
        try:
            return question()
        except (MlflowException, RequestException, SQLAlchemyError, OSError, ImportError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StoreError:
        text = without_secrets(str(error), self._uri).strip()[:500]
        unreachable = isinstance(error, NoConnectionError | Timeout) or any(sign in text for sign in SIGNS_OF_NO_ANSWER)
        kind = StoreUnreachableError if unreachable else StoreError
        return kind(
            f"{self.source}: MLflow cannot read the store: {text}. Check that it runs, that tracking_uri in "
            "foretune.yaml is right, and, where it asks for them, that MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD are set"
        )


def _refuse_missing_folder(tracking_uri: str) -> None:
    """A file store must exist and hold experiments: MLflow's client would create one otherwise."""
    scheme = urlsplit(tracking_uri).scheme
    if scheme not in ("", "file") or tracking_uri in ("databricks", "databricks-uc"):
        return
    folder = Path(unquote(urlsplit(tracking_uri).path) if scheme == "file" else tracking_uri)
    if not any(folder.glob("*/meta.yaml")):
        raise StoreError(
            f"{redact_uri(tracking_uri)}: no MLflow file store in {folder}. Give sqlite:///path, http(s)://host, "
            "databricks, or the folder that holds the experiments"
        )


def _refuse_database_without_store(tracking_uri: str) -> None:
    """A database must hold MLflow's tables: MLflow's client would create them otherwise."""
    engine = create_engine(tracking_uri)
    try:
        if not inspect(engine).has_table("alembic_version"):
            raise StoreError(
                f"{redact_uri(tracking_uri)}: the database holds no MLflow store (no table alembic_version)"
            )
    finally:
        engine.dispose()


def _is_known_as_deleted(run: Run, seen: Seen) -> bool:
    return run.info.lifecycle_stage == "deleted" and run.info.run_id in seen.deleted - seen.open


def raw_run(run: Run, experiment_name: str, histories: Sequence[RawMetric], models: Sequence[RawModel]) -> RawRun:
    """MLflow's run as a raw one; ``histories``: all points of the metrics of which every point is read."""
    inputs = [
        RawInput(
            name=given.dataset.name,
            digest=given.dataset.digest,
            source_type=given.dataset.source_type,
            schema=given.dataset.schema or None,
            profile=given.dataset.profile or None,
            context={tag.key: tag.value for tag in given.tags}.get("mlflow.data.context"),
        )
        for given in (run.inputs.dataset_inputs if run.inputs else ())
    ]
    return RawRun(
        run_id=run.info.run_id,
        experiment_id=str(run.info.experiment_id),
        experiment_name=experiment_name,
        run_name=run.info.run_name or "",
        status=str(run.info.status),
        lifecycle_stage=run.info.lifecycle_stage,
        start_ms=run.info.start_time,
        end_ms=run.info.end_time,
        params=run.data.params,
        tags={key: value for key, value in run.data.tags.items() if key not in PERSONAL_TAGS},
        metrics=tuple(point(m.key, m.value, m.step, m.timestamp) for m in latest_points(run)),
        system_samples=tuple(one for one in histories if one.key.startswith(SYSTEM_PREFIX)),
        inputs=tuple(inputs),
        models=tuple(models),
        metric_points=tuple(one for one in histories if not one.key.startswith(SYSTEM_PREFIX)),
    )
