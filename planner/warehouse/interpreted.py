"""Interprets rows of facts one by one, in several processes where there are many."""

import json
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from planner.catalog.load import Catalog
from planner.dialects.facts import END_HISTORIES, GpuUsage, LoggedInput, MetricHistory, MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.programme import HardwareRule
from planner.domain.training_run import TrainingRun
from planner.warehouse.tables import as_arrow

Note = TypeVar("Note")
FactRows = Sequence[dict[str, Any]]
MAX_PROCESSES = 8


def interpreted(
    parts: Iterable[tuple[FactRows, Note]], catalog: Catalog, rules: tuple[HardwareRule, ...], *, in_parallel: bool
) -> Iterator[tuple[Any, Note]]:
    """Training runs of each part as an Arrow table, with the note that came with the part."""
    if not in_parallel:
        for rows, note in parts:
            yield _table(rows, catalog, rules), note
        return
    processes = min(os.cpu_count() or 1, MAX_PROCESSES)
    with ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(catalog, rules)
    ) as pool:
        waiting: deque[tuple[Future[Any], Note]] = deque()
        for rows, note in parts:
            waiting.append((pool.submit(_table_in_worker, rows), note))
            if len(waiting) > 2 * processes:
                future, first = waiting.popleft()
                yield future.result(), first
        for future, first in waiting:
            yield future.result(), first


def _table(rows: FactRows, catalog: Catalog, rules: tuple[HardwareRule, ...]) -> Any:
    return as_arrow(TrainingRun, [interpret(facts_of(row), catalog, rules) for row in rows])


_given: list[Any] = []
"""Catalog and rules of a worker process."""


def _begin(catalog: Catalog, rules: tuple[HardwareRule, ...]) -> None:
    _given[:] = [catalog, rules]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _table_in_worker(rows: FactRows) -> Any:
    return _table(rows, *_given)


def facts_of(row: dict[str, Any]) -> RunFacts:
    metrics = json.loads(row["metrics"])
    return RunFacts(
        source=row["source"],
        run_id=row["run_id"],
        experiment=row["experiment"],
        name=row["name"],
        status=row["status"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        params=json.loads(row["params"]),
        tags=json.loads(row["tags"]),
        metrics={name: MetricPoint(point["value"], point["step"]) for name, point in metrics.items()},
        histories=_histories(metrics, json.loads(row["histories"])),
        gpus=tuple(GpuUsage(**gpu) for gpu in json.loads(row["gpus"])),
        inputs=tuple(LoggedInput(**given) for given in json.loads(row["inputs"])),
        artifacts=json.loads(row["artifacts"]),
        artifact_bytes=json.loads(row["artifact_bytes"]),
        num_nodes=row["num_nodes"],
        network_bytes=row["network_bytes"],
        host_max_memory_bytes=row["host_max_memory_bytes"],
        disk_growth_bytes=row["disk_growth_bytes"],
        bill_usd=row.get("bill_usd"),
        num_charges=row.get("num_charges", 0),
    )


def _histories(latest: dict[str, dict[str, Any]], points: dict[str, dict[str, Any]]) -> dict[str, MetricHistory]:
    """Histories by metric; of those that tell the end of training their latest point."""
    found = {
        name: MetricHistory((point["step"],), (point["timestamp_ms"],), (point["value"],))
        for name in END_HISTORIES
        if (point := latest.get(name)) is not None and None not in (point["step"], point["timestamp_ms"])
    }
    return found | {
        name: MetricHistory(tuple(one["steps"]), tuple(one["timestamps_ms"]), tuple(one["values"]))
        for name, one in points.items()
    }
