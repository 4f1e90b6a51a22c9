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
from planner.domain.raw_run import RawModel, RawRun
from planner.domain.tracking_uri import redact_uri
from planner.errors import StoreError, StoreUnreachableError
from planner.sources.in_parallel import in_parallel
from planner.sources.mlflow_found import FoundRun, from_entity, from_json
from planner.sources.mlflow_samples import Histories, SampleHistories
from planner.sources.mlflow_server import answer, is_server
from planner.sources.reader import (
    BATCH_RUNS,
    OPEN_STATUSES,
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
SEARCH_ENDPOINT = "/api/2.0/mlflow/runs/search"
OLDEST_FIRST = ["attributes.start_time ASC"]
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
            for page in self._run_pages(names, seen):
                found = [run for run in page if run.raw.run_id not in done]
                done.update(run.raw.run_id for run in found)
                fresh = [run for run in found if seen is None or not _is_known_as_deleted(run.raw, seen)]
                if fresh:
                    yield self._batch(fresh, pool)
            missing = sorted((seen.open | seen.deleted) - done) if seen else []
            for first in range(0, len(missing), BATCH_RUNS):
                again = pool.map(self._run_or_none, missing[first : first + BATCH_RUNS])
                wanted = [run for run in again if run is not None and str(run.info.experiment_id) in names]
                if wanted:
                    yield self._batch([from_entity(run, names[str(run.info.experiment_id)]) for run in wanted], pool)

    def artifact_uris(self, run_ids: Sequence[str]) -> dict[str, str]:
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            return {run.info.run_id: run.info.artifact_uri for run in pool.map(self._run_or_none, run_ids) if run}

    def _batch(self, runs: Sequence[FoundRun], pool: ThreadPoolExecutor) -> RawBatch:
        histories = self._samples.of([run.raw for run in runs], pool)
        models = pool.map(self._models, runs)
        return as_batch([_completed(run.raw, histories, found) for run, found in zip(runs, models, strict=True)])

    def _run_pages(self, names: dict[str, str], seen: Seen | None) -> Iterator[list[FoundRun]]:
        """Pages in ascending start time: runs that arrive meanwhile come last and shift no page.

        The experiments are dealt to a few searches that go on at once.
        """
        shares = [list(names)[first::PARALLEL_SEARCHES] for first in range(PARALLEL_SEARCHES)]
        yield from in_parallel([self._pages_of(share, names, seen) for share in shares if share])

    def _pages_of(
        self, experiment_ids: list[str], names: dict[str, str], seen: Seen | None
    ) -> Iterator[list[FoundRun]]:
        searches: list[tuple[str, int]] = [("", ViewType.ALL)]
        if seen is not None:
            searches = [(f"attributes.end_time >= {seen.ended_since_ms:d}", ViewType.ALL), ("", ViewType.DELETED_ONLY)]
            searches += [(f"attributes.status = '{status}'", ViewType.ALL) for status in OPEN_STATUSES]
        for condition, view in searches:
            if is_server(self._uri):
                yield from self._json_pages(experiment_ids, names, condition, view)
                continue
            search = partial(
                self._client.search_runs,
                experiment_ids,
                filter_string=condition,
                run_view_type=view,
                max_results=RUNS_PER_PAGE,
                order_by=OLDEST_FIRST,
            )
            for page in self._pages(search):
                yield [from_entity(run, names[str(run.info.experiment_id)]) for run in page]

    def _json_pages(
        self, experiment_ids: list[str], names: dict[str, str], condition: str, view: int
    ) -> Iterator[list[FoundRun]]:
        """Pages as a server sends them: MLflow's client would spend most of its time on making objects of them."""
        question: dict[str, Any] = {
            "experiment_ids": experiment_ids,
            "filter": condition,
            "run_view_type": ViewType.to_string(view).upper(),
            "max_results": RUNS_PER_PAGE,
            "order_by": OLDEST_FIRST,
        }
        while True:
            page, token = self._ask(partial(self._json_page, question, names))
            yield page
            if not token:
                return
            question = question | {"page_token": token}

    def _json_page(self, question: dict[str, Any], names: dict[str, str]) -> tuple[list[FoundRun], str | None]:
        found = answer(self._uri, SEARCH_ENDPOINT, "POST", json=question)
        try:
            page = [from_json(run, names[str(run["info"]["experiment_id"])]) for run in found.get("runs", ())]
            return page, found.get("next_page_token")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MlflowException(f"its answer is none that an MLflow server gives ({error!r})") from error

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
            raise self._failure(error) from None

    def _models(self, run: FoundRun) -> list[RawModel]:
        found = []
        for model_id, step in run.model_outputs:
            model = self._ask(partial(self._client.get_logged_model, model_id))
            at = model.creation_timestamp
            found.append(RawModel(model.model_id, model.name, model.model_type or "", step, at))
        return found

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """The store's answer; every way in which it fails becomes a ``StoreError`` without credentials.

        The cause is not chained: its own text would carry them into every log that shows a traceback.
        """
        try:
            return question()
        except (MlflowException, RequestException, SQLAlchemyError, OSError, ImportError) as error:
            raise self._failure(error) from None

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


def _is_known_as_deleted(run: RawRun, seen: Seen) -> bool:
    return run.lifecycle_stage == "deleted" and run.run_id in seen.deleted - seen.open


def _completed(run: RawRun, histories: Histories, models: Sequence[RawModel]) -> RawRun:
    """The run with what was asked for apart."""
    points = histories.get(run.run_id, ())
    return run._replace(
        system_samples=tuple(one for one in points if one.key.startswith(SYSTEM_PREFIX)),
        models=tuple(models),
        metric_points=tuple(one for one in points if not one.key.startswith(SYSTEM_PREFIX)),
    )
