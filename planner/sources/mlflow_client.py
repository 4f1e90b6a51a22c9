"""Reads a tracking store through MLflow's client: servers, Databricks, file stores, databases other than SQLite."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
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

from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.domain.tracking_uri import redact_uri
from planner.errors import StoreError, StoreUnreachableError
from planner.sources.mlflow_sqlite import point_order
from planner.sources.reader import (
    BATCH_RUNS,
    OPEN_STATUSES,
    PERSONAL_TAGS,
    SYSTEM_PREFIX,
    Experiment,
    finite,
    is_sqlite,
    matching,
    without_secrets,
)

Answer = TypeVar("Answer")

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""MLflow's own defaults wait for minutes on a server that is down. What the environment already says is kept."""

EXPERIMENTS_PER_PAGE = 1000
PARALLEL_REQUESTS = 8
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

    def close(self) -> None:
        """MLflow's client keeps its connections to itself."""

    def experiments(self) -> list[Experiment]:
        search = partial(self._client.search_experiments, view_type=ViewType.ALL, max_results=EXPERIMENTS_PER_PAGE)
        found = [
            Experiment(str(e.experiment_id), e.name, e.lifecycle_stage) for page in self._pages(search) for e in page
        ]
        return sorted(found, key=lambda e: (len(e.experiment_id), e.experiment_id))

    def read(
        self, experiment_patterns: Iterable[str], *, ended_since_ms: int | None, also_run_ids: Collection[str] = ()
    ) -> Iterator[list[RawRun]]:
        names = {e.experiment_id: e.name for e in matching(self.experiments(), experiment_patterns)}
        seen: set[str] = set()
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            for page in self._run_pages(list(names), ended_since_ms):
                fresh = [run for run in page if run.info.run_id not in seen]
                seen.update(run.info.run_id for run in fresh)
                if fresh:
                    yield list(pool.map(partial(self._raw, names=names), fresh))
            missing = [run_id for run_id in sorted(also_run_ids) if run_id not in seen]
            for first in range(0, len(missing), BATCH_RUNS):
                found = pool.map(self._run_or_none, missing[first : first + BATCH_RUNS])
                wanted = [run for run in found if run is not None and str(run.info.experiment_id) in names]
                if wanted:
                    yield list(pool.map(partial(self._raw, names=names), wanted))

    def _run_pages(self, experiment_ids: list[str], ended_since_ms: int | None) -> Iterator[list[Run]]:
        """Pages in ascending start time: runs that arrive meanwhile come last and shift no page."""
        if not experiment_ids:
            return
        searches: list[tuple[str, int]] = [("", ViewType.ALL)]
        if ended_since_ms is not None:
            searches = [(f"attributes.end_time >= {ended_since_ms:d}", ViewType.ALL), ("", ViewType.DELETED_ONLY)]
            searches += [(f"attributes.status = '{status}'", ViewType.ALL) for status in OPEN_STATUSES]
        for condition, view in searches:
            yield from self._pages(
                partial(
                    self._client.search_runs,
                    experiment_ids,
                    filter_string=condition,
                    run_view_type=view,
                    max_results=BATCH_RUNS,
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

    def _raw(self, run: Run, names: dict[str, str]) -> RawRun:
        latest = [_point(m.key, m.value, m.step, m.timestamp) for m in run.data.to_proto().metrics]
        samples = [
            _point(m.key, m.value, m.step, m.timestamp)
            for key in sorted({point.key for point in latest if point.key.startswith(SYSTEM_PREFIX)})
            for m in self._ask(partial(self._client.get_metric_history, run.info.run_id, key))
        ]
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
            experiment_name=names[str(run.info.experiment_id)],
            run_name=run.info.run_name or "",
            status=str(run.info.status),
            lifecycle_stage=run.info.lifecycle_stage,
            start_ms=run.info.start_time,
            end_ms=run.info.end_time,
            params=dict(sorted(run.data.params.items())),
            tags={key: value for key, value in sorted(run.data.tags.items()) if key not in PERSONAL_TAGS},
            metrics=tuple(sorted(latest, key=point_order)),
            system_samples=tuple(sorted(samples, key=point_order)),
            inputs=tuple(sorted(inputs, key=repr)),
        )

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


def _point(key: str, value: float, step: int, timestamp_ms: int) -> RawMetric:
    return RawMetric(key, finite(value), step, timestamp_ms)
