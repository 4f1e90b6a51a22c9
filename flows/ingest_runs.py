"""Flow: past runs of every source into the warehouse, understood as training runs."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from prefect import flow

from flows.context import Context, open_context
from flows.io_task import io_task
from flows.log import log
from planner.domain.programme import Source
from planner.domain.tracking_uri import redact_uri
from planner.gate.decision import GateDecision
from planner.sources.reader import matching, open_reader
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.facts import understand
from planner.warehouse.inbox import Collected, collect_inbox
from planner.warehouse.landing import Landed, land, open_run_ids, set_watermark, watermark

LOOK_BACK_MS = 7 * 24 * 3600 * 1000
"""Metrics and tags may arrive this long after a run's end."""


@io_task
def land_store(db: Warehouse, tracking_uri: str, patterns: tuple[str, ...]) -> Landed:
    """New and changed runs of one store; the watermark moves only after all of them are in."""
    with closing(open_reader(tracking_uri)) as reader:
        if not matching(experiments := reader.experiments(), patterns):
            names = ", ".join(sorted(experiment.name for experiment in experiments)[:20])
            log.warning(f"{reader.source}: no experiment matches {', '.join(patterns)}; it has {names}")
        seen = watermark(db, reader.source, patterns)
        since = None if seen is None else seen - LOOK_BACK_MS
        batches = reader.read(patterns, ended_since_ms=since, also_run_ids=open_run_ids(db, reader.source))
        landed = land(db, reader.source, batches)
    if landed.newest_end_ms is not None:
        set_watermark(db, reader.source, patterns, landed.newest_end_ms)
    log.info(f"{reader.source}: {landed.num_read} runs read, {landed.num_changed} new or changed")
    return landed


@io_task
def land_gate_decisions(db: Warehouse, context: Context) -> Collected:
    """Decisions that gates left in the inbox."""
    return collect_inbox(db, context.settings.inbox_path, "gate_decisions", GateDecision, ("decision_id",))


def _stores(sources: Sequence[Source]) -> list[tuple[str, tuple[str, ...]]]:
    """Each store once, with the experiments of all sources that name it: it has one watermark."""
    uris: dict[str, str] = {}
    patterns: dict[str, dict[str, None]] = {}
    for source in sources:
        name = redact_uri(source.tracking_uri)
        uris.setdefault(name, source.tracking_uri)
        patterns.setdefault(name, {}).update(dict.fromkeys(source.experiments))
    return [(uri, tuple(patterns[name])) for name, uri in uris.items()]


@flow(name="ingest-runs")
def ingest_runs(config_path: Path) -> int:
    """Number of runs in the warehouse after reading all sources of the programme."""
    context = open_context(config_path)
    with connect(context.settings.warehouse_path) as db:
        for tracking_uri, patterns in _stores(context.programme.sources):
            land_store(db, tracking_uri, patterns)
        understand(db, context.catalog, context.programme)
        land_gate_decisions(db, context)
        return int(db.execute("select count(*) from training_runs")[0][0])
