"""From landed runs to training runs."""

import json
from collections.abc import Iterator
from typing import Any

from planner.catalog.load import Catalog
from planner.dialects.facts import GpuUsage, LoggedInput, MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.programme import HardwareRule, Programme
from planner.domain.tracking_uri import redact_uri
from planner.domain.training_run import TrainingRun
from planner.warehouse.build import build_views
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import TABLES
from planner.warehouse.tables import upsert

RUNS_PER_QUERY = 2000


def read_facts(db: Warehouse) -> Iterator[RunFacts]:
    """All landed runs, a few thousand at a time."""
    keys = db.execute("select source, run_id from raw_runs order by source, run_id")
    for first in range(0, len(keys), RUNS_PER_QUERY):
        part = keys[first : first + RUNS_PER_QUERY]
        (low_source, low_id), (high_source, high_id) = part[0], part[-1]
        for row in db.rows(
            "select * from int_run_facts where (source > ? or (source = ? and run_id >= ?)) "
            "and (source < ? or (source = ? and run_id <= ?)) order by source, run_id",
            (low_source, low_source, low_id, high_source, high_source, high_id),
        ):
            yield _facts(row)


def understand(db: Warehouse, catalog: Catalog, programme: Programme) -> int:
    """Interprets every landed run and writes ``training_runs``; the number of rows that changed."""
    build_views(db)
    rules: dict[str, tuple[HardwareRule, ...]] = {}
    for source in programme.sources:
        name = redact_uri(source.tracking_uri)
        rules[name] = (*rules.get(name, ()), *source.hardware)
    _, key = TABLES["training_runs"]
    runs: Iterator[TrainingRun] = (interpret(facts, catalog, rules.get(facts.source, ())) for facts in read_facts(db))
    return upsert(db, "training_runs", runs, key)


def _facts(row: dict[str, Any]) -> RunFacts:
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
        metrics={
            name: MetricPoint(point["value"], point["step"]) for name, point in json.loads(row["metrics"]).items()
        },
        gpus=tuple(GpuUsage(**gpu) for gpu in json.loads(row["gpus"])),
        inputs=tuple(LoggedInput(**given) for given in json.loads(row["inputs"])),
        num_nodes=row["num_nodes"],
        network_bytes=row["network_bytes"],
    )
