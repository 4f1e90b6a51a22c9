"""Reads a tracking store through MLflow's client: servers, Databricks, file stores, databases other than SQLite."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.errors import StoreError
from planner.sources.mlflow_sqlite import point_order
from planner.sources.reader import (
    BATCH_RUNS,
    SYSTEM_PREFIX,
    Experiment,
    finite,
    is_sqlite,
    matching,
    redact_uri,
    without_secrets,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

Answer = TypeVar("Answer")

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""MLflow's own defaults wait for minutes on a server that is down. What the environment already says is kept."""

EXPERIMENTS_PER_PAGE = 1000
OPEN_STATUSES = ("RUNNING", "SCHEDULED")


class ClientReader:
    """A tracking store behind MLflow's client. It never touches a store that does not exist yet."""

    def __init__(self, tracking_uri: str) -> None:
        self.source = redact_uri(tracking_uri)
        self._uri = tracking_uri
        if is_sqlite(tracking_uri):
            raise StoreError(f"{self.source}: an SQLite store is read from its file, not through MLflow's client")
        _refuse_missing_folder(tracking_uri)
        if "://" in tracking_uri and tracking_uri.partition("://")[0] not in ("http", "https", "databricks", "file", "uc"):
            self._ask(lambda: _refuse_database_without_store(tracking_uri))
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        self._client = self._ask(lambda: _client(tracking_uri))

    def experiments(self) -> list[Experiment]:
        from mlflow.entities import ViewType

        found: list[Experiment] = []
        token: str | None = None
        while True:
            at = token
            page = self._ask(
                lambda at=at: self._client.search_experiments(  # type: ignore[misc]
                    view_type=ViewType.ALL, max_results=EXPERIMENTS_PER_PAGE, page_token=at
                )
            )
            found += [Experiment(str(e.experiment_id), e.name, e.lifecycle_stage) for e in page]
            token = page.token
            if not token:
                return sorted(found, key=lambda e: (len(e.experiment_id), e.experiment_id))

    def read(
        self, experiment_patterns: Iterable[str], *, ended_since_ms: int | None, also_run_ids: Collection[str] = ()
    ) -> Iterator[list[RawRun]]:
        names = {e.experiment_id: e.name for e in matching(self.experiments(), experiment_patterns)}
        seen: set[str] = set()
        for page in self._pages(list(names), ended_since_ms):
            fresh = [run for run in page if run.info.run_id not in seen]
            seen.update(run.info.run_id for run in fresh)
            if fresh:
                yield [self._raw(run, names) for run in fresh]
        missing = [run_id for run_id in sorted(also_run_ids) if run_id not in seen]
        for first in range(0, len(missing), BATCH_RUNS):
            found = [run for run in map(self._run_or_none, missing[first : first + BATCH_RUNS]) if run is not None]
            batch = [self._raw(run, names) for run in found if str(run.info.experiment_id) in names]
            if batch:
                yield batch

    def _pages(self, experiment_ids: list[str], ended_since_ms: int | None) -> Iterator[list["Run"]]:
        """Pages in ascending start time: runs that arrive meanwhile come last and shift no page."""
        from mlflow.entities import ViewType

        if not experiment_ids:
            return
        searches: list[tuple[str, int]] = [("", ViewType.ALL)]
        if ended_since_ms is not None:
            searches = [(f"attributes.end_time >= {ended_since_ms:d}", ViewType.ALL), ("", ViewType.DELETED_ONLY)]
            searches += [(f"attributes.status = '{status}'", ViewType.ALL) for status in OPEN_STATUSES]
        for condition, view in searches:
            token: str | None = None
            while True:
                at = token
                page = self._ask(
                    lambda condition=condition, view=view, at=at: self._client.search_runs(  # type: ignore[misc]
                        experiment_ids,
                        filter_string=condition,
                        run_view_type=view,
                        max_results=BATCH_RUNS,
                        order_by=["attributes.start_time ASC"],
                        page_token=at,
                    )
                )
                yield list(page)
                token = page.token
                if not token:
                    break

    def _run_or_none(self, run_id: str) -> "Run | None":
        """The run, or None where the store holds it no more."""
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise self._failure(error) from error

    def _raw(self, run: "Run", names: dict[str, str]) -> RawRun:
        latest = [_point(m.key, m.value, m.step, m.timestamp) for m in run.data.to_proto().metrics]
        samples = [
            _point(m.key, m.value, m.step, m.timestamp)
            for key in sorted({point.key for point in latest if point.key.startswith(SYSTEM_PREFIX)})
            for m in self._ask(lambda key=key: self._client.get_metric_history(run.info.run_id, key))  # type: ignore[misc]
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
            tags=dict(sorted(run.data.tags.items())),
            metrics=tuple(sorted(latest, key=point_order)),
            system_samples=tuple(sorted(samples, key=point_order)),
            inputs=tuple(sorted(inputs, key=repr)),
        )

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """The store's answer; every way in which it fails becomes a ``StoreError`` without credentials."""
        from mlflow.exceptions import MlflowException
        from requests import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return question()
        except (MlflowException, RequestException, SQLAlchemyError, OSError, ImportError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StoreError:
        text = without_secrets(str(error), self._uri).strip()[:500]
        return StoreError(
            f"{self.source}: MLflow cannot read the store: {text}. Check that it runs, that tracking_uri in foretune.yaml is "
            "right, and MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN where it asks for them"
        )


def _client(tracking_uri: str) -> "MlflowClient":
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri)


def _refuse_missing_folder(tracking_uri: str) -> None:
    """A file store must exist and hold experiments: MLflow's client would create one otherwise."""
    scheme = urlsplit(tracking_uri).scheme
    if scheme not in ("", "file") or tracking_uri in ("databricks", "databricks-uc"):
        return
    folder = Path(unquote(urlsplit(tracking_uri).path) if scheme == "file" else tracking_uri)
    if not any(folder.glob("*/meta.yaml")):
        raise StoreError(
            f"{redact_uri(tracking_uri)}: no MLflow file store in {folder}. Give sqlite:///path, http(s)://host, databricks, "
            "or the folder that holds the experiments"
        )


def _refuse_database_without_store(tracking_uri: str) -> None:
    """A database must hold MLflow's tables: MLflow's client would create them otherwise."""
    from sqlalchemy import create_engine, inspect

    engine = create_engine(tracking_uri)
    try:
        if not inspect(engine).has_table("alembic_version"):
            raise StoreError(f"{redact_uri(tracking_uri)}: the database holds no MLflow store (no table alembic_version)")
    finally:
        engine.dispose()


def _point(key: str, value: float, step: int, timestamp_ms: int) -> RawMetric:
    return RawMetric(key, finite(value), step, timestamp_ms)
