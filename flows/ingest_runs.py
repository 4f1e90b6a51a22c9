"""Flow: past runs of every source into the warehouse, understood as training runs."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from prefect import flow

from flows.context import Context, open_context
from flows.io_task import io_task
from flows.log import log
from planner.domain.programme import Source
from planner.domain.tracking_uri import redact_uri
from planner.gate.decision import GateDecision
from planner.sources.in_parallel import in_parallel
from planner.sources.reader import Seen, matching, open_reader
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.facts import understand
from planner.warehouse.inbox import Collected, collect_inbox
from planner.warehouse.ingest_state import (
    deleted_run_ids,
    known_run_ids,
    open_run_ids,
    read_whole_at,
    set_watermark,
    watermark,
)
from planner.warehouse.landing import Landed, land
from planner.warehouse.landing_artifacts import land_artifacts, runs_without_artifacts

DAY_MS = 24 * 3600 * 1000
LOOK_BACK_MS = 7 * DAY_MS
"""Metrics and tags may arrive this long after a run's end."""
READ_WHOLE_EVERY_MS = 28 * DAY_MS
"""Then a source is read whole, and what changed unseen (a late tag, a run that was moved in) is found."""
RUNS_AT_ONCE = 100
PARALLEL_RUNS = 4
"""Of which artifacts are asked for."""


@io_task
def land_store(db: Warehouse, tracking_uri: str, patterns: tuple[str, ...]) -> Landed:
    """New and changed runs of one store."""
    return sync_store(db, tracking_uri, patterns, now_ms=int(time.time() * 1000))


def sync_store(db: Warehouse, tracking_uri: str, patterns: tuple[str, ...], *, now_ms: int) -> Landed:
    """New and changed runs of one store; the watermark moves only after all of them are in."""
    with closing(open_reader(tracking_uri)) as reader:
        source = reader.source
        if not matching(experiments := reader.experiments(), patterns):
            names = ", ".join(sorted(experiment.name for experiment in experiments)[:20])
            log.warning(f"{source}: no experiment matches {', '.join(patterns)}; it has {names}")
        newest = watermark(db, source, patterns)
        is_due = now_ms - read_whole_at(db, source) >= READ_WHOLE_EVERY_MS
        seen = None
        if newest is not None and not is_due:
            seen = Seen(
                ended_since_ms=newest - LOOK_BACK_MS,
                known=known_run_ids(db, source),
                open=open_run_ids(db, source),
                deleted=deleted_run_ids(db, source),
            )
        landed = land(db, source, in_parallel([reader.read(patterns, seen)]))
    if landed.newest_end_ms is not None:
        whole = now_ms if seen is None else None
        set_watermark(db, source, patterns, landed.newest_end_ms, read_whole_ms=whole)
    log.info(f"{source}: {landed.num_read} runs read, {landed.num_changed} new or changed")
    if landed.num_quarantined:
        log.warning(f"{source}: {landed.num_quarantined} runs cannot be landed; table quarantined_runs says why")
    return landed


@io_task
def land_files(db: Warehouse, tracking_uri: str, patterns: tuple[str, ...]) -> None:
    """What ended runs left among their artifacts, if they were not asked since they changed."""
    from planner.sources.artifacts import read_artifacts

    with closing(open_reader(tracking_uri)) as reader, ThreadPoolExecutor(PARALLEL_RUNS) as pool:
        missing = runs_without_artifacts(db, reader.source, patterns)
        for first in range(0, len(missing), RUNS_AT_ONCE):
            part = missing[first : first + RUNS_AT_ONCE]
            uris = reader.artifact_uris(part)
            read = pool.map(lambda one: read_artifacts(one[0], one[1], tracking_uri), uris.items())
            land_artifacts(db, reader.source, dict.fromkeys(part, ()) | dict(zip(uris, read, strict=True)))
    log.info(f"{reader.source}: artifacts of {len(missing)} runs looked through")


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
        sources = context.programme.sources
        for tracking_uri, patterns in _stores(sources):
            land_store(db, tracking_uri, patterns)
        for tracking_uri, patterns in _stores([source for source in sources if source.artifacts]):
            land_files(db, tracking_uri, patterns)
        understand(db, context.catalog, context.programme, now=datetime.now(UTC))
        land_gate_decisions(db, context)
        return int(db.execute("select count(*) from training_runs")[0][0])
