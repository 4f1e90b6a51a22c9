from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.domain.bill_line import BillDay, BillLine
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.domain.training_run import TrainingRun
from planner.warehouse.bills import LandedBill, bills_of_runs, land_bill, matched
from planner.warehouse.build import build_views, run_checks
from planner.warehouse.connection import Warehouse
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
from planner.warehouse.registry import ensure_tables
from planner.warehouse.tables import read

MakeRun = Callable[..., RawRun]
Dump = Callable[[Warehouse], dict[str, list[tuple[Any, ...]]]]
HOUR_MS = 3_600_000
START_MS = 1_780_002_000_000 // HOUR_MS * HOUR_MS
PROGRAMME = Programme.model_validate({"name": "test", "sources": [{"tracking_uri": "sqlite:///s"}]})


def charge(tag: str, usd: str = "10", *, hours: tuple[float, float] = (0, 1), **changed: Any) -> BillLine:
    line = BillLine(
        source_file="bill.csv",
        source_row=1,
        provider="AWS",
        billing_account="1",
        charge_start_ms=START_MS + round(hours[0] * HOUR_MS),
        charge_end_ms=START_MS + round(hours[1] * HOUR_MS),
        charge_category="Usage",
        charge_class=None,
        pricing_category="Standard",
        service=None,
        region=None,
        resource_id=None,
        billed_cost_usd=Decimal(usd),
        effective_cost_usd=Decimal(usd),
        list_cost_usd=None,
        contracted_cost_usd=None,
        tag_key="run_id",
        tag_value=tag,
    )
    return line._replace(**changed)


@pytest.fixture
def run(make_run: MakeRun) -> MakeRun:
    def make(run_id: str, hours: tuple[float, float], **given: Any) -> RawRun:
        start, end = (START_MS + round(hour * HOUR_MS) for hour in hours)
        return make_run(1, **{"run_id": run_id, "run_name": run_id, "start_ms": start, "end_ms": end, **given})

    return make


def days_of(lines: Sequence[BillLine]) -> set[BillDay]:
    return {
        BillDay(line.provider, line.billing_account, datetime.fromtimestamp(line.charge_start_ms / 1000, UTC).date())
        for line in lines
    }


def land_all(db: Warehouse, lines: Sequence[BillLine]) -> LandedBill:
    return land_bill(db, lines, days_of(lines))


def costs(db: Warehouse, *lines: BillLine) -> dict[str, float]:
    numbered = [line._replace(source_row=number) for number, line in enumerate(lines)]
    land_all(db, numbered)
    build_views(db)
    return {run_id: bill.cost_usd for run_id, bill in bills_of_runs(db).items()}


def test_a_charge_belongs_to_the_run_that_its_tag_names(db: Warehouse, run: MakeRun) -> None:
    land(db, "s", [as_batch([run("a", (0, 1)), run("b", (0, 1))])])
    assert costs(db, charge("a"), charge("a", "2.5", hours=(1, 2)), charge("other", "99")) == {"a": 12.5}


def test_machines_start_before_a_run_and_stop_after_it(db: Warehouse, run: MakeRun) -> None:
    land(db, "s", [as_batch([run("a", (1.5, 2.5))])])
    near = [charge("a", "1", hours=(hour, hour + 1)) for hour in range(5)]
    assert costs(db, *near) == {"a": 4.0}  # all but the one that starts more than an hour after the end
    ensure_tables(db)
    (left,) = run_checks(db)["check_bill_lines_without_run"]
    assert left["charge_start"].timestamp() * 1000 == START_MS + 4 * HOUR_MS


def test_runs_of_one_experiment_share_a_charge_by_their_time_in_it(db: Warehouse, run: MakeRun) -> None:
    land(
        db,
        "s",
        [as_batch([run("a", (0, 3), run_name="x"), run("b", (2, 3), run_name="x"), run("c", (9, 10), run_name="x")])],
    )
    assert costs(db, charge("chat", "8", hours=(0, 4))) == {"a": 6.0, "b": 2.0}


def test_a_run_id_goes_before_a_name_and_a_name_before_an_experiment(db: Warehouse, run: MakeRun) -> None:
    runs = [
        run("x", (0, 1), run_name="y"),
        run("b", (0, 1), run_name="x", experiment_name="y"),
        run("c", (0, 1), experiment_name="x"),
    ]
    land(db, "s", [as_batch(runs)])
    assert costs(db, charge("x")) == {"x": 10.0}
    assert costs(db, charge("y")) == {"x": 10.0}


def test_a_run_still_at_work_takes_its_charges(db: Warehouse, run: MakeRun) -> None:
    land(db, "s", [as_batch([run("a", (0, 1), end_ms=None, status="RUNNING")])])
    assert costs(db, charge("a", hours=(100, 101))) == {"a": 10.0}


def test_a_run_in_two_stores_is_billed_once(db: Warehouse, run: MakeRun) -> None:
    land(db, "s", [as_batch([run("a", (0, 1))])])
    land(db, "t", [as_batch([run("a", (0, 1))])])
    assert costs(db, charge("a"), charge("chat", "4")) == {"a": 14.0}


@pytest.mark.parametrize("category", ["Purchase", "Tax", "Credit", "Adjustment"])
def test_only_usage_belongs_to_runs(db: Warehouse, run: MakeRun, category: str) -> None:
    land(db, "s", [as_batch([run("a", (0, 1))])])
    assert costs(db, charge("a", charge_category=category), charge("a", "1")) == {"a": 1.0}


def test_effective_cost_goes_before_billed_cost(db: Warehouse, run: MakeRun) -> None:
    land(db, "s", [as_batch([run("a", (0, 1)), run("b", (0, 1))])])
    covered = charge("a", "3", billed_cost_usd=Decimal(0))
    assert costs(db, covered, charge("b", "3", effective_cost_usd=None)) == {"a": 3.0, "b": 3.0}


def test_corrections_count_and_less_than_nothing_is_no_cost(db: Warehouse, run: MakeRun) -> None:
    land(db, "s", [as_batch([run("a", (0, 1)), run("b", (0, 1))])])
    back = [charge(tag, usd, charge_class="Correction") for tag, usd in (("a", "-4"), ("b", "-1"))]
    assert costs(db, charge("a"), *back) == {"a": 6.0}
    ensure_tables(db)
    assert [row["run_id"] for row in run_checks(db)["check_run_bills_below_zero"]] == ["b"]


def test_landing_a_bill_again_changes_nothing(db: Warehouse, run: MakeRun, dump: Dump) -> None:
    lines = [charge("a"), charge("a"), charge("a", hours=(30, 31), source_row=2)]
    land_all(db, lines)
    before = dump(db)
    landed = land_all(db, lines)
    assert (landed.num_lines, landed.num_replaced, landed.replaced_files) == (3, 3, ())
    assert dump(db) == before


def test_a_later_export_of_the_month_takes_the_place_of_its_days_alone(db: Warehouse) -> None:
    land_all(db, [charge("a", hours=(0, 1)), charge("a", hours=(24, 25)), charge("a", provider="GCP")])
    landed = land_all(db, [charge("a", "11", hours=(24, 25), source_file="later.csv")])
    assert (landed.num_replaced, landed.replaced_files) == (1, ("bill.csv",))
    rows = db.execute("select provider, charge_start_ms, billed_cost_usd from raw_bill_lines order by all")
    assert [(provider, float(usd)) for provider, _, usd in rows] == [("AWS", 10.0), ("AWS", 11.0), ("GCP", 10.0)]
    assert land_all(db, []).num_lines == 0
    assert db.execute("select count(*) from raw_bill_lines") == [(3,)]


def test_a_day_that_lost_its_tags_loses_its_charges(db: Warehouse) -> None:
    lines = [charge("a", hours=(0, 1)), charge("a", hours=(24, 25))]
    land_all(db, lines)
    assert land_bill(db, [], days_of(lines[:1])).num_replaced == 1
    assert db.execute("select count(*) from raw_bill_lines") == [(1,)]


def test_what_a_run_cost_becomes_its_actual_and_follows_the_bill(db: Warehouse, run: MakeRun) -> None:
    land(db, "sqlite:///s", [as_batch([run("a", (0, 1)), run("b", (0, 1))])])

    def actual() -> dict[str, float | None]:
        understand(db, load_catalog(), PROGRAMME)
        return {each.run_id: each.actual.cost_usd for each in read(db, "training_runs", TrainingRun)}

    assert actual() == {"a": None, "b": None}
    land_all(db, [charge("a", "10.5")])
    assert actual() == {"a": 10.5, "b": None}
    (known,) = read(db, "training_runs", TrainingRun, "run_id = 'a'")
    assert known.origins["actual.cost_usd"].rule == "cloud bill: 1 charges tagged for it"
    land_all(db, [charge("chat", "8")])
    assert actual() == {"a": 4.0, "b": 4.0}
    land(db, "sqlite:///s", [as_batch([run("c", (0, 2))])])
    shares = actual()
    assert sum(usd or 0 for usd in shares.values()) == pytest.approx(8.0, abs=1e-9)
    assert shares["c"] == pytest.approx(8 / 3)


def test_what_was_matched_is_told(db: Warehouse, run: MakeRun) -> None:
    land(db, "s", [as_batch([run("a", (0, 1))])])
    lines = [charge("a", "1.5"), charge("gone", "2.25", source_row=2), charge("a", "9", charge_category="Tax")]
    land_all(db, lines)
    build_views(db)
    found = matched(db, lines)
    assert (found.num_runs, found.matched_usd, found.unmatched_usd, found.num_unmatched) == (
        1,
        Decimal("1.5"),
        Decimal("2.25"),
        1,
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cents=st.integers(-10_000_000, 10_000_000_000_000),
    spans=st.lists(st.tuples(st.integers(0, 86_399), st.integers(1, 86_400)), min_size=1, max_size=12),
)
@example(cents=4_033_558_279_678, spans=[(0, 1)])
def test_shares_add_up_to_the_charge_to_the_last_digit(
    db: Warehouse, make_run: MakeRun, cents: int, spans: list[tuple[int, int]]
) -> None:
    db.execute("delete from raw_runs")
    db.execute("delete from raw_bill_lines")
    runs = [
        make_run(number, start_ms=START_MS + start * 1000, end_ms=START_MS + (start + length) * 1000)
        for number, (start, length) in enumerate(spans)
    ]
    land(db, "s", [as_batch(runs)])
    usd = Decimal(cents) / 10_000_000
    land_all(db, [charge("chat", str(usd), hours=(0, 24))])
    build_views(db)
    shares = db.execute("select cost_usd, share_ratio from int_bill_shares")
    assert sum(share for share, _ in shares) == usd.quantize(Decimal("1e-10"))
    assert sum(ratio for _, ratio in shares) == pytest.approx(1.0)
