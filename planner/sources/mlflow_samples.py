"""Histories of metrics through MLflow's client: for a hundred runs at once where the server can."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request_safe

from planner.dialects.facts import POINTS_READ
from planner.domain.raw_run import RawMetric
from planner.sources.reader import SYSTEM_PREFIX, finite

BULK_ENDPOINT = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
"""What MLflow's own pages draw their charts from; Databricks has none."""
RUNS_PER_REQUEST = 100
POINTS_PER_ANSWER = 25_000
"""The server leaves out what is beyond, without a word."""

Found = dict[str, list[RawMetric]]


class SampleHistories:
    """All points of the metrics of the hardware, whose keys start with ``system/``, and of those in ``POINTS_READ``."""

    def __init__(self, client: MlflowClient, tracking_uri: str, ask: Callable[[Callable[[], Any]], Any]) -> None:
        self._client = client
        self._uri = tracking_uri
        self._ask = ask
        self._has_bulk = tracking_uri.partition("://")[0] in ("http", "https")

    def of(self, runs: Sequence[Run], pool: ThreadPoolExecutor) -> Found:
        """Run id -> its points."""
        holders: dict[str, list[str]] = defaultdict(list)
        for run in runs:
            for metric in latest_points(run):
                if metric.key.startswith(SYSTEM_PREFIX) or metric.key in POINTS_READ:
                    holders[metric.key].append(run.info.run_id)
        shares = [
            (key, ids[first : first + RUNS_PER_REQUEST])
            for key, ids in holders.items()
            for first in range(0, len(ids), RUNS_PER_REQUEST)
        ]
        found: Found = defaultdict(list)
        for part in pool.map(lambda share: self._histories(*share), shares):
            for run_id, points in part.items():
                found[run_id] += points
        return found

    def _histories(self, key: str, run_ids: list[str]) -> Found:
        answer = self._bulk(key, run_ids) if self._has_bulk else None
        if answer is None:
            return {run_id: self._history(key, run_id) for run_id in run_ids}
        if len(answer) < POINTS_PER_ANSWER:
            found: Found = defaultdict(list)
            for row in answer:
                found[row["run_id"]].append(point(key, float(row["value"]), int(row["step"]), int(row["timestamp"])))
            return found
        if len(run_ids) == 1:
            return {run_ids[0]: self._history(key, run_ids[0])}
        half = len(run_ids) // 2
        return {**self._histories(key, run_ids[:half]), **self._histories(key, run_ids[half:])}

    def _bulk(self, key: str, run_ids: list[str]) -> list[dict[str, Any]] | None:
        """None where the server does not know the question."""
        question = {"run_id": run_ids, "metric_key": key, "max_results": POINTS_PER_ANSWER}
        try:
            credentials = get_default_host_creds(self._uri)  # type: ignore[no-untyped-call]
            response = http_request_safe(  # type: ignore[no-untyped-call]
                credentials, BULK_ENDPOINT, "GET", params=question
            )
            return list(response.json()["metrics"])
        except (MlflowException, ValueError, KeyError):
            self._has_bulk = False
            return None

    def _history(self, key: str, run_id: str) -> list[RawMetric]:
        history = self._ask(partial(self._client.get_metric_history, run_id, key))
        return [point(m.key, m.value, m.step, m.timestamp) for m in history]


def latest_points(run: Run) -> Iterable[Any]:
    """The last point of each metric of a run."""
    return run.data.to_proto().metrics  # type: ignore[no-any-return]


def point(key: str, value: float, step: int, timestamp_ms: int) -> RawMetric:
    """A metric point as it is landed."""
    return RawMetric(key, finite(value), step, timestamp_ms)
