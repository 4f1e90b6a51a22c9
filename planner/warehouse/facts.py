"""From landed runs to training runs: those that are new or changed, and all when what interprets them changed."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import planner
from planner.catalog.load import Catalog
from planner.dialects.facts import GpuUsage, LoggedInput, MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.domain import Frozen
from planner.domain.programme import HardwareRule, Programme
from planner.domain.tracking_uri import redact_uri
from planner.warehouse.bills import RunBill, bills_of_runs
from planner.warehouse.build import build_views
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import store
from planner.warehouse.tables import ensure_table, upsert

RUNS_PER_QUERY = 2000
INTERPRETING_CODE = ("dialects", "domain")


class Understood(Frozen):
    """Which content of a run was interpreted, and by what."""

    source: str
    run_id: str
    content_hash: str
    interpreter: str
    bill_usd: float | None = None
    """Cost by cloud bills that it was interpreted with."""


UNDERSTOOD_KEY = ("source", "run_id")


def understand(db: Warehouse, catalog: Catalog, programme: Programme) -> int:
    """Interprets what landed and was not interpreted yet into ``training_runs``; the number of runs in it.

    A run that several stores hold (one that was moved or copied) is counted once: it is read from the first of the
    programme's sources that has it, before stores that are no source any more.
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
        _understand_source(db, source, landed[:rank], catalog, rules.get(source, ()), bills)
    return int(db.execute("select count(*) from training_runs")[0][0])


def read_facts(
    db: Warehouse, source: str, run_ids: Sequence[str], bills: Mapping[str, RunBill] | None = None
) -> Iterator[RunFacts]:
    """The named runs of a source, with their cost by cloud bills; ``run_ids`` in ascending order."""
    if run_ids:
        # a range of ids reaches the raw tables below the view, a list alone would read them whole
        for row in db.rows(
            "select * from int_run_facts where source = ? and run_id between ? and ? and list_contains(?, run_id) "
            "order by run_id",
            (source, run_ids[0], run_ids[-1], list(run_ids)),
        ):
            yield _facts(row, (bills or {}).get(row["run_id"]))


def _understand_source(
    db: Warehouse,
    source: str,
    preferred: list[str],
    catalog: Catalog,
    rules: tuple[HardwareRule, ...],
    bills: Mapping[str, RunBill],
) -> None:
    elsewhere = "run_id in (select run_id from raw_runs where list_contains(?::varchar[], source))"
    db.execute(f"delete from training_runs where source = ? and {elsewhere}", (source, preferred))
    interpreter = _fingerprint(catalog, rules)
    waiting = db.execute(
        "select run_id, r.content_hash from raw_runs r left join understood u using (source, run_id) "
        "left join training_runs t using (source, run_id) left join int_run_bills b using (run_id) "
        f"where source = ? and not {elsewhere} and (t.run_id is null or u.content_hash is distinct from r.content_hash "
        "or u.interpreter is distinct from ? or u.bill_usd is distinct from b.cost_usd) order by run_id",
        (source, preferred, interpreter),
    )
    for first in range(0, len(waiting), RUNS_PER_QUERY):
        hashes = dict(waiting[first : first + RUNS_PER_QUERY])
        runs = [interpret(facts, catalog, rules) for facts in read_facts(db, source, list(hashes), bills)]
        done = [
            Understood(
                source=source,
                run_id=run_id,
                content_hash=content_hash,
                interpreter=interpreter,
                bill_usd=bills[run_id].cost_usd if run_id in bills else None,
            )
            for run_id, content_hash in hashes.items()
        ]
        with db.transaction():
            store(db, "training_runs", runs)
            upsert(db, "understood", done, UNDERSTOOD_KEY)


def _fingerprint(catalog: Catalog, rules: tuple[HardwareRule, ...]) -> str:
    """Changes with everything that an interpretation depends on besides the run."""
    digest = hashlib.sha256(repr((catalog.accelerators, catalog.models, catalog.model_by_hub_id, rules)).encode())
    package = Path(planner.__file__).parent
    for folder in INTERPRETING_CODE:
        for file in sorted((package / folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _facts(row: dict[str, Any], bill: RunBill | None) -> RunFacts:
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
        gpus=tuple(GpuUsage(**gpu) for gpu in json.loads(row["gpus"])),
        inputs=tuple(LoggedInput(**given) for given in json.loads(row["inputs"])),
        num_nodes=row["num_nodes"],
        network_bytes=row["network_bytes"],
        bill_usd=None if bill is None else bill.cost_usd,
        num_charges=0 if bill is None else bill.num_charges,
        host_max_memory_bytes=row["host_max_memory_bytes"],
        disk_growth_bytes=row["disk_growth_bytes"],
    )
