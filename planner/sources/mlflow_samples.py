"""Histories of metrics through MLflow's client: for a hundred runs at once where the server can."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from planner.dialects.facts import POINTS_READ
from planner.domain.raw_run import RawMetric, RawRun
from planner.sources.mlflow_found import point
from planner.sources.mlflow_server import answer, is_server
from planner.sources.reader import SYSTEM_PREFIX

BULK_ENDPOINT = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
"""What MLflow's own pages draw their charts from; Databricks has none."""
RUNS_PER_REQUEST = 100
POINTS_PER_ANSWER = 25_000
"""The server leaves out what is beyond, without a word."""

Histories = dict[str, list[RawMetric]]
"""Run id -> its points."""


class SampleHistories:
    """All points of the metrics of the hardware, whose keys start with ``system/``, and of those in ``POINTS_READ``."""

    def __init__(self, client: MlflowClient, tracking_uri: str, ask: Callable[[Callable[[], Any]], Any]) -> None:
        self._client = client
        self._uri = tracking_uri
        self._ask = ask
        self._has_bulk = is_server(tracking_uri)

    def of(self, runs: Sequence[RawRun], pool: ThreadPoolExecutor) -> Histories:
        """Run id -> its points."""
        holders: dict[str, list[str]] = defaultdict(list)
        for run in runs:
            for metric in run.metrics:
                if metric.key.startswith(SYSTEM_PREFIX) or metric.key in POINTS_READ:
                    holders[metric.key].append(run.run_id)
        shares = [
            (key, ids[first : first + RUNS_PER_REQUEST])
            for key, ids in holders.items()
            for first in range(0, len(ids), RUNS_PER_REQUEST)
        ]
        found: Histories = defaultdict(list)
        for part in pool.map(lambda share: self._histories(*share), shares):
            for run_id, points in part.items():
                found[run_id] += points
        return found

    def _histories(self, key: str, run_ids: list[str]) -> Histories:
        rows = self._bulk(key, run_ids) if self._has_bulk else None
        if rows is None:
            return {run_id: self._history(key, run_id) for run_id in run_ids}
        if len(rows) < POINTS_PER_ANSWER:
            found: Histories = defaultdict(list)
            for row in rows:
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
            return list(answer(self._uri, BULK_ENDPOINT, "GET", params=question)["metrics"])
        except (MlflowException, ValueError, KeyError):
            self._has_bulk = False
            return None

    def _history(self, key: str, run_id: str) -> list[RawMetric]:
        history = self._ask(partial(self._client.get_metric_history, run_id, key))
        return [point(m.key, m.value, m.step, m.timestamp) for m in history]
