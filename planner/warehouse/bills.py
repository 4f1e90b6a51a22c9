"""Lands tagged charges of cloud bills, and says which run they belong to."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from planner.domain.bill_line import BillDay, BillLine
from planner.warehouse.connection import Warehouse


@dataclass(frozen=True)
class LandedBill:
    """What an import changed."""

    num_lines: int
    num_replaced: int
    replaced_files: tuple[str, ...]
    """Files, of other names, whose lines were replaced."""


@dataclass(frozen=True)
class RunBill:
    """What a run cost by the bills."""

    cost_usd: float
    num_charges: int


@dataclass(frozen=True)
class Matched:
    """How much of what was imported belongs to a run."""

    num_runs: int
    matched_usd: Decimal
    unmatched_usd: Decimal
    num_unmatched: int


def land_bill(db: Warehouse, lines: Sequence[BillLine], days: Collection[BillDay]) -> LandedBill:
    """Writes the lines in one transaction, in place of everything that is there for ``days``.

    Exports of a month to date hold its earlier days again. Landing the same lines again changes nothing.
    """
    with db.transaction():
        db.insert("create or replace temp table billed_days as select * from batch", _days(days))
        same = " and ".join(f"o.{column} = n.{column}" for column in BillDay._fields)
        again = f"exists (select 1 from billed_days n where {same})"
        replaced = db.execute(f"select source_file, count(*) from raw_bill_lines o where {again} group by source_file")
        db.execute(f"delete from raw_bill_lines o where {again}")
        db.execute("drop table billed_days")
        if lines:
            batch = _arrow(lines)
            names = ", ".join(batch.column_names)
            db.insert(f"insert into raw_bill_lines ({names}) select {names} from batch", batch)
    new_files = {line.source_file for line in lines}
    others = tuple(sorted(name for name, _ in replaced if name not in new_files))
    return LandedBill(len(lines), sum(count for _, count in replaced), others)


def bills_of_runs(db: Warehouse) -> dict[str, RunBill]:
    """Cost by run id, of the runs that bills have charges for; the views must be built."""
    rows = db.execute("select run_id, cost_usd, num_charges from int_run_bills where cost_usd is not null")
    return {run_id: RunBill(cost_usd, num_charges) for run_id, cost_usd, num_charges in rows}


def matched(db: Warehouse, lines: Sequence[BillLine]) -> Matched:
    """What became of the charges of the files just imported; the views must be built."""
    files = sorted({line.source_file for line in lines})
    (row,) = db.execute(
        "with shares as (select line_id, sum(cost_usd) as cost_usd from int_bill_shares group by line_id) "
        "select coalesce(sum(s.cost_usd), 0), coalesce(sum(l.cost_usd) filter (where s.cost_usd is null), 0), "
        "count(*) filter (where s.cost_usd is null) from stg_bill_lines l "
        "left join shares s using (line_id) where l.is_usage and list_contains(?, l.source_file)",
        (files,),
    )
    runs = db.execute(
        "select count(distinct run_id) from int_bill_shares where list_contains(?, source_file)", (files,)
    )
    return Matched(num_runs=runs[0][0], matched_usd=row[0], unmatched_usd=row[1], num_unmatched=row[2])


def _arrow(lines: Sequence[BillLine]) -> Any:
    import pyarrow as pa

    kinds = {int: pa.int64(), str: pa.string(), Decimal: pa.decimal128(28, 10)}
    columns = {}
    for name, kind in BillLine.__annotations__.items():
        plain = next((known for known in kinds if kind is known or known in getattr(kind, "__args__", ())), str)
        columns[name] = pa.array([getattr(line, name) for line in lines], type=kinds[plain])
    columns["line_id"] = pa.array(_ids(lines), type=pa.string())
    columns["charge_day"] = pa.array([_day(line.charge_start_ms) for line in lines], type=pa.date32())
    return pa.table(columns)


def _ids(lines: Sequence[BillLine]) -> list[str]:
    """Names of the lines: equal for equal lines of a file, a second one of the same content apart."""
    seen: Counter[BillLine] = Counter()
    ids = []
    for line in lines:
        seen[line] += 1
        ids.append(hashlib.sha256(repr((*line, seen[line])).encode()).hexdigest()[:32])
    return ids


def _days(days: Collection[BillDay]) -> Any:
    import pyarrow as pa

    kinds = (pa.string(), pa.string(), pa.date32())
    columns = zip(*sorted(days), strict=True) if days else ((), (), ())
    arrays = [pa.array(list(values), type=kind) for values, kind in zip(columns, kinds, strict=True)]
    return pa.table(arrays, names=list(BillDay._fields))


def _day(moment_ms: int) -> date:
    return datetime.fromtimestamp(moment_ms / 1000, tz=UTC).date()
