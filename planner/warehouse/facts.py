"""From landed runs to training runs: those that are new or changed, and all when what interprets them changed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import planner
from planner.catalog.load import Catalog
from planner.dialects.facts import RunFacts
from planner.domain import Frozen
from planner.domain.programme import HardwareRule, Programme
from planner.domain.tracking_uri import redact_uri
from planner.domain.training_run import TrainingRun
from planner.warehouse.bills import RunBill, bills_of_runs
from planner.warehouse.build import build_views, over_wanted_runs
from planner.warehouse.connection import Warehouse
from planner.warehouse.interpreted import facts_of, interpreted
from planner.warehouse.landing_artifacts import artifact_fingerprints
from planner.warehouse.registry import TABLES
from planner.warehouse.tables import ensure_table, upsert, upsert_arrow
from planner.warehouse.updates import still_chained, store_updates

RUNS_PER_QUERY = 5000
RUNS_PER_PART = 500
PARALLEL_FROM = 5000
"""With fewer runs waiting, starting processes takes longer than it saves."""
SILENCE_MS = 24 * 3600 * 1000
INTERPRETING_CODE = ("dialects", "domain")


class Understood(Frozen):
    """Which content of a run was interpreted, by what, and with what that is known beside its store."""

    source: str
    run_id: str
    content_hash: str
    interpreter: str
    is_chained: bool = False
    """Whether the updates say what this interpretation says."""


UNDERSTOOD_KEY = ("source", "run_id")


def understand(db: Warehouse, catalog: Catalog, programme: Programme, *, now: datetime | None = None) -> int:
    """Interprets what landed and was not interpreted yet into ``training_runs``; the number of runs in it.

    A run that says it is running, but logged nothing for a day before ``now``, has crashed: it failed when it logged
    last. Without ``now`` no run is taken for crashed.

    A run that several stores hold (one that was moved or copied) is counted once: it is read from the first of the
    programme's sources that has it, before stores that are no source any more. So are the processes of one job, and a
    run that only holds others together is not counted at all.
    """
    build_views(db)
    ensure_table(db, "understood", Understood, UNDERSTOOD_KEY)
    rules: dict[str, tuple[HardwareRule, ...]] = {}
    for given in programme.sources:
        name = redact_uri(given.tracking_uri)
        rules[name] = (*rules.get(name, ()), *given.hardware)
    landed = [source for (source,) in db.execute("select distinct source from raw_runs order by source")]
    ranks = {name: rank for rank, name in enumerate(rules)}
    landed.sort(key=lambda source: ranks.get(source, len(ranks)))
    bills = bills_of_runs(db)
    for rank, source in enumerate(landed):
        _understand_source(db, source, landed[:rank], catalog, rules.get(source, ()), _crashed(db, source, now), bills)
    store_updates(db)
    return int(db.execute("select count(*) from training_runs")[0][0])


def read_facts(db: Warehouse, source: str, run_ids: Sequence[str]) -> Iterator[RunFacts]:
    """The named runs of a source, in ascending order of their ids."""
    yield from map(facts_of, _fact_rows(db, source, run_ids))


def _fact_rows(db: Warehouse, source: str, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    db.execute("create or replace temp table wanted_runs (source varchar, run_id varchar)")
    db.execute("insert into wanted_runs select ?, unnest(?::varchar[])", (source, list(run_ids)))
    return db.rows(f"{over_wanted_runs('int_run_facts')} order by run_id")


def _understand_source(
    db: Warehouse,
    source: str,
    preferred: list[str],
    catalog: Catalog,
    rules: tuple[HardwareRule, ...],
    crashed: Mapping[str, dict[str, Any]],
    bills: Mapping[str, RunBill],
) -> None:
    db.execute(
        "create or replace temp table counted_elsewhere as "
        "select run_id from raw_runs where list_contains(?::varchar[], source) "
        "union select run_id from int_runs_of_others where source = ?",
        (preferred, source),
    )
    elsewhere = "run_id in (from counted_elsewhere)"
    db.execute(f"delete from training_runs where source = ? and {elsewhere}", (source,))
    interpreter = _fingerprint(catalog, rules)
    beside = {run_id: crashed.get(run_id, {}) | _billed(bills.get(run_id)) for run_id in {*crashed, *bills}}
    files = artifact_fingerprints(db, source)
    expected = {
        run_id: f"{interpreter}, {sorted(beside.get(run_id, {}).items())}, {files.get(run_id)}"
        for run_id in {*beside, *files}
    }
    waiting = [
        (run_id, content_hash)
        for run_id, content_hash, understood_by in db.execute(
            "select run_id, r.content_hash, case when t.run_id is not null and u.content_hash = r.content_hash "
            "then u.interpreter end from raw_runs r left join understood u using (source, run_id) "
            f"left join training_runs t using (source, run_id) where source = ? and not {elsewhere} order by run_id",
            (source,),
        )
        if understood_by != expected.get(run_id, interpreter)
    ]

    def parts() -> Iterator[tuple[list[dict[str, Any]], list[Understood]]]:
        for first in range(0, len(waiting), RUNS_PER_QUERY):
            hashes = dict(waiting[first : first + RUNS_PER_QUERY])
            rows = [row | beside.get(row["run_id"], {}) for row in _fact_rows(db, source, list(hashes))]
            for start in range(0, len(rows), RUNS_PER_PART):
                part = rows[start : start + RUNS_PER_PART]
                yield (
                    part,
                    [
                        Understood(
                            source=source,
                            run_id=row["run_id"],
                            content_hash=hashes[row["run_id"]],
                            interpreter=expected.get(row["run_id"], interpreter),
                        )
                        for row in part
                    ],
                )

    are_many = len(waiting) >= PARALLEL_FROM
    for runs, done in interpreted(parts(), catalog, rules, in_parallel=are_many):
        with db.transaction():
            same = frozenset() if are_many else still_chained(db, runs)
            noted = [one.model_copy(update={"is_chained": one.run_id in same}) for one in done]
            upsert_arrow(db, "training_runs", TrainingRun, runs, TABLES["training_runs"][1])
            upsert(db, "understood", noted, UNDERSTOOD_KEY)


def _crashed(db: Warehouse, source: str, now: datetime | None) -> dict[str, dict[str, Any]]:
    """Runs that never said how they ended, with what is taken for it."""
    if now is None:
        return {}
    silent_since_ms = int(now.timestamp() * 1000) - SILENCE_MS
    rows = db.execute(
        "select run_id, last_seen_at from int_silent_runs where source = ? and last_seen_ms < ?",
        (source, silent_since_ms),
    )
    return {run_id: {"status": "FAILED", "ended_at": last_seen_at} for run_id, last_seen_at in rows}


def _billed(bill: RunBill | None) -> dict[str, Any]:
    return {} if bill is None else {"bill_usd": bill.cost_usd, "num_charges": bill.num_charges}


def _fingerprint(catalog: Catalog, rules: tuple[HardwareRule, ...]) -> str:
    """Changes with everything that an interpretation depends on besides the run."""
    digest = hashlib.sha256(repr((catalog.accelerators, catalog.models, catalog.model_by_hub_id, rules)).encode())
    package = Path(planner.__file__).parent
    for folder in INTERPRETING_CODE:
        for file in sorted((package / folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
