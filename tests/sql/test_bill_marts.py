from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from planner.domain.bill_line import BillLine
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.domain.training_run import TrainingRun
from planner.warehouse.bills import land_bill
from planner.warehouse.build import build
from planner.warehouse.connection import Warehouse
from planner.warehouse.landing import land
from planner.warehouse.registry import store

NOW = datetime(2026, 12, 15, tzinfo=UTC)


def charge(start: datetime, usd: str, **changed: Any) -> BillLine:
    start_ms = round(start.timestamp() * 1000)
    line = BillLine(
        "bill.csv", 1, "AWS", "1", start_ms, start_ms + 3_600_000, "Usage", None, None, None, None, None,
        Decimal(usd), Decimal(usd), None, None, "run_id", "a",
    )  # fmt: skip
    return line._replace(**changed)


def months(db: Warehouse, time_zone: str) -> list[tuple[date, float]]:
    build(db, time_zone=time_zone, as_of=NOW)
    return db.execute("select month, effective_cost_usd from monthly_bill")


@pytest.mark.parametrize(
    ("time_zone", "expected"),
    [
        ("UTC", [(date(2026, 10, 1), 1.0), (date(2026, 11, 1), 2.0)]),
        ("Europe/Berlin", [(date(2026, 11, 1), 3.0)]),
        ("America/New_York", [(date(2026, 10, 1), 3.0)]),
    ],
)
def test_a_month_ends_at_midnight_of_the_programmes_zone(
    db: Warehouse, time_zone: str, expected: list[tuple[date, float]]
) -> None:
    last_hour = datetime(2026, 10, 31, 23, tzinfo=UTC)
    first_hour = datetime(2026, 11, 1, 0, tzinfo=UTC)
    land_bill(db, [charge(last_hour, "1"), charge(first_hour, "2")], ())
    assert months(db, time_zone) == expected


def test_a_month_says_what_is_billed_what_it_cost_and_what_belongs_to_runs(db: Warehouse) -> None:
    start = datetime(2026, 11, 5, 10, tzinfo=UTC)
    start_ms = round(start.timestamp() * 1000)
    run = RawRun("a", "1", "chat", "run", "FINISHED", "active", start_ms, start_ms + 60_000, {}, {}, (), (), ())
    land(db, "s", [as_batch([run])])
    lines = [
        charge(start, "4", billed_cost_usd=Decimal(0)),
        charge(start, "2", tag_value="nobody"),
        charge(start, "9", charge_category="Purchase"),
        charge(datetime(2026, 12, 20, tzinfo=UTC), "50"),
    ]
    land_bill(db, lines, ())
    build(db, time_zone="UTC", as_of=NOW)
    assert db.rows("select * from monthly_bill") == [
        {
            "month": date(2026, 11, 1),
            "effective_cost_usd": 6.0,
            "billed_cost_usd": 2.0,
            "matched_cost_usd": 4.0,
            "num_unmatched_charges": 1,
        }
    ]


def test_what_a_run_cost_stands_under_the_names_of_focus(db: Warehouse) -> None:
    start = datetime(2026, 11, 5, 10, tzinfo=UTC)
    ended = datetime(2026, 11, 5, 11, tzinfo=UTC)
    start_ms = round(start.timestamp() * 1000)
    raw = RawRun("a", "1", "chat", "run", "FINISHED", "active", start_ms, start_ms + 3_600_000, {}, {}, (), (), ())
    land(db, "s", [as_batch([raw])])
    run = {
        "run_id": "a", "source": "s", "experiment": "chat", "name": "run", "status": "FINISHED", "started_at": start,
        "ended_at": ended, "dialect": "d", "config": {}, "actual": {}, "origins": {},
    }  # fmt: skip
    store(db, "training_runs", [TrainingRun.model_validate(run)])
    costs = {"billed_cost_usd": Decimal(0), "list_cost_usd": Decimal(8)}
    land_bill(db, [charge(start, "4", **costs, contracted_cost_usd=Decimal(6)), charge(start, "1", **costs)], ())
    build(db, time_zone="UTC", as_of=NOW)
    assert db.rows("select * from run_bills") == [
        {
            "run_id": "a",
            "run_name": "run",
            "experiment": "chat",
            "ended_at": ended,
            "num_charges": 2,
            "list_cost_usd": 16.0,
            "contracted_cost_usd": None,
            "effective_cost_usd": 5.0,
            "billed_cost_usd": 0.0,
            "priced_cost_usd": None,
        }
    ]
