"""Lands raw runs: a run's rows are replaced only where its content changed, so that landing twice changes nothing."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from planner.dialects.facts import MAX_POINTS
from planner.domain.raw_batch import RAW_COLUMNS, RawBatch, only, run_ids
from planner.warehouse.connection import Warehouse

MAX_SAMPLES = 5000
"""Of a metric of the hardware with more samples every n-th is kept, and the last: 14 hours at one in 10 seconds."""
THINNED = {"raw_system_samples": MAX_SAMPLES, "raw_metric_points": MAX_POINTS}
"""Raw table -> how many points of a metric are kept at most."""

DELETION = "delete from {} where source = ? and run_id"


@dataclass(frozen=True)
class Landed:
    """What one reading of a source brought."""

    num_read: int
    num_changed: int
    newest_end_ms: int | None
    """Latest end of the runs read, times in the future left out: the next watermark."""
    num_quarantined: int = 0
    """Runs that could not be landed; ``quarantined_runs`` says why."""


def land(db: Warehouse, source: str, batches: Iterable[RawBatch]) -> Landed:
    """Writes the runs of one source, each batch in one transaction; what was there stays where the disk is full."""
    num_read = num_changed = num_quarantined = 0
    newest: int | None = None
    now_ms = int(time.time() * 1000)
    for batch in batches:
        num_read += batch["raw_runs"].num_rows
        changed, quarantined = _land_or_quarantine(db, source, batch)
        num_changed += changed
        num_quarantined += quarantined
        ends = [end for end in batch["raw_runs"].column("end_ms").to_pylist() if end is not None and end <= now_ms]
        newest = max(ends + ([] if newest is None else [newest]), default=None)
    return Landed(num_read, num_changed, newest, num_quarantined)


def _land_or_quarantine(db: Warehouse, source: str, batch: RawBatch) -> tuple[int, int]:
    """Number of runs changed and quarantined: a batch that does not fit is halved until the run is found."""
    import duckdb

    try:
        return _land_batch(db, source, batch), 0
    except (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError) as error:
        ids = run_ids(batch)
        if len(ids) > 1:
            halves = (ids[: len(ids) // 2], ids[len(ids) // 2 :])
            first, second = (_land_or_quarantine(db, source, only(batch, half)) for half in halves)
            return first[0] + second[0], first[1] + second[1]
        reason = " ".join(str(error).split())[:500]
        with db.transaction():
            db.execute("delete from quarantined_runs where source = ? and run_id = ?", (source, ids[0]))
            db.execute("insert into quarantined_runs values (?, ?, ?)", (source, ids[0], reason))
        return 0, 1


def _land_batch(db: Warehouse, source: str, batch: RawBatch) -> int:
    given = {f"given_{table}": rows for table, rows in batch.items()}
    with db.shown(given), db.transaction():
        db.execute(f"create or replace temp table fingerprints as {_fingerprints()}")
        db.execute(
            "create or replace temp table changed as "
            "select f.run_id, f.content_hash, r.run_id is not null as is_known from fingerprints f "
            "left join (select run_id, content_hash from raw_runs where source = ?) r using (run_id) "
            "where r.content_hash is distinct from f.content_hash",
            (source,),
        )
        num_changed, num_known = db.execute("select count(*), count(*) filter (is_known) from changed")[0]
        if num_changed:
            if num_known:
                for table in (*RAW_COLUMNS, "quarantined_runs"):
                    db.execute(f"{DELETION.format(table)} in (select run_id from changed)", (source,))
            else:
                db.execute(f"{DELETION.format('quarantined_runs')} in (select run_id from changed)", (source,))
            is_all = num_changed == batch["raw_runs"].num_rows
            for table in RAW_COLUMNS:
                db.execute(_insertion(table, "" if is_all else "semi join changed using (run_id)"), (source,))
    return int(num_changed)


def _fingerprints() -> str:
    """A number for the content of each run, whatever the order of its rows."""
    rows = " union all ".join(
        f"select run_id, hash('{table}', {', '.join(columns)}) as part from given_{table}"
        for table, columns in RAW_COLUMNS.items()
    )
    return f"select run_id, sum(part)::varchar as content_hash from ({rows}) group by run_id"


def _insertion(table: str, which: str) -> str:
    names = ", ".join(("run_id", *RAW_COLUMNS[table]))
    if table == "raw_runs":
        return (
            f"insert into raw_runs (source, {names}, content_hash) "
            f"select ?, {names}, content_hash from given_raw_runs join changed using (run_id)"
        )
    given = _thinned(table, THINNED[table]) if table in THINNED else f"given_{table}"
    return f"insert into {table} (source, {names}) select ?, {names} from {given} {which}"


def _thinned(table: str, most: int) -> str:
    """Of longer histories every n-th point in the order of time, the first and the last among them."""
    return f"""(
with long as (select run_id, key from given_{table} group by run_id, key having count(*) > {most}),
placed as (
    select *, row_number() over (partition by run_id, key order by timestamp_ms, step, value) - 1 as place,
        count(*) over (partition by run_id, key) - 1 as last
    from given_{table} semi join long using (run_id, key)
)
select * from given_{table} anti join long using (run_id, key)
union all
select * exclude (place, last) from placed where place % ceil(last / {most - 1})::bigint = 0 or place = last
)"""
