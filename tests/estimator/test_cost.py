from datetime import date
from typing import Any

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.domain.accelerator import Cluster
from planner.domain.estimate import Quantiles
from planner.domain.price_book import Price, PriceBook
from planner.estimator.cost import accelerator_quote, billed_s, cost_of_run, with_compute_hours
from planner.units import GIB

DAY = date(2026, 11, 24)
HOURS = Quantiles(p10=8.0, p50=10.0, p90=15.0)


def price(**changed: Any) -> Price:
    fields: dict[str, Any] = {
        "resource": "accelerator",
        "provider": "one",
        "accelerator": "a100-80gb",
        "region": "here",
        "pricing_category": "Standard",
        "usd_per_unit": 2.0,
        "unit": "accelerator_hour",
        "valid_from": date(2026, 1, 1),
        "source_url": "https://example.org",
        "retrieved_on": DAY,
    }
    return Price.model_validate({**fields, **changed})


BOOK = PriceBook(
    prices=(
        price(),
        price(usd_per_unit=3.0, valid_from=date(2027, 1, 1)),
        price(provider="two", usd_per_unit=4.0),
        price(provider="two", usd_per_unit=1.0, pricing_category="Dynamic"),
        price(resource="storage", accelerator=None, usd_per_unit=0.02, unit="gib_month"),
        price(resource="egress", accelerator=None, usd_per_unit=0.1, unit="gib"),
    )
)


def test_the_price_of_the_cluster_goes_before_the_book(make_config: Any) -> None:
    quote = accelerator_quote(make_config(cluster={"usd_per_accelerator_hour": 1.5}).cluster, BOOK, DAY)
    assert quote.usd == Quantiles.exact(1.5)


def test_several_prices_give_their_median_and_spread(make_config: Any) -> None:
    quote = accelerator_quote(make_config().cluster, BOOK, DAY)
    assert quote.usd is not None
    assert (quote.usd.p10, quote.usd.p50, quote.usd.p90) == pytest.approx((2.2, 3.0, 3.8))


@pytest.mark.parametrize(("day", "usd"), [(date(2026, 6, 1), 2.0), (date(2027, 6, 1), 3.0), (None, 3.0)])
def test_the_newest_price_of_the_day_is_used(make_config: Any, day: date | None, usd: float) -> None:
    quote = accelerator_quote(make_config(cluster={"provider": "one"}).cluster, BOOK, day)
    assert quote.usd == Quantiles.exact(usd)


def test_spot_and_on_demand_are_two_prices(make_config: Any) -> None:
    quote = accelerator_quote(make_config(cluster={"pricing_category": "Dynamic"}).cluster, BOOK, DAY)
    assert quote.usd == Quantiles.exact(1.0)


def test_a_missing_price_gives_no_cost_and_a_note_that_names_what_there_is(make_config: Any) -> None:
    cluster = make_config(cluster={"provider": "three"}).cluster
    cost, rows, notes = cost_of_run(
        cluster, BOOK, DAY, accelerator_hours=HOURS, stored_byte_months=1.0, uploaded_bytes=1.0
    )
    assert (cost, rows) == (None, {})
    assert "provider three" in notes[0]
    assert "one here Standard" in notes[0]


def test_without_prices_there_is_no_cost_but_a_reason(make_config: Any) -> None:
    quote = accelerator_quote(make_config().cluster, None, None)
    assert quote.usd is None
    assert "usd_per_accelerator_hour" in quote.note


def test_cost_is_hours_storage_and_egress(make_config: Any) -> None:
    cluster = make_config(cluster={"provider": "one", "region": "here"}).cluster
    cost, rows, notes = cost_of_run(
        cluster, BOOK, DAY, accelerator_hours=HOURS, stored_byte_months=100 * GIB, uploaded_bytes=10 * GIB
    )
    assert rows == pytest.approx({"compute": 20.0, "storage": 2.0, "egress": 1.0})
    assert cost is not None
    assert cost.p50 == sum(rows.values())
    assert (cost.p10, cost.p90) == pytest.approx((8 * 2 + 3, 15 * 2 + 3))
    assert notes == ()


def test_a_side_price_that_is_missing_is_left_out_with_a_note(make_config: Any) -> None:
    cluster = make_config(cluster={"provider": "two"}).cluster
    _, rows, notes = cost_of_run(
        cluster, BOOK, DAY, accelerator_hours=HOURS, stored_byte_months=1e9, uploaded_bytes=1e9
    )
    assert set(rows) == {"compute"}
    assert len(notes) == 2


def test_the_price_of_a_storage_class_is_taken_where_it_is_named(make_config: Any) -> None:
    fast = price(resource="storage", accelerator=None, instance_type="fast", usd_per_unit=0.5, unit="gib_month")
    book = PriceBook(prices=(*BOOK.prices, fast))

    def storage_usd(**fields: str) -> float | None:
        cluster = make_config(cluster={"provider": "one", "region": "here", **fields}).cluster
        _, rows, notes = cost_of_run(
            cluster, book, DAY, accelerator_hours=HOURS, stored_byte_months=10 * GIB, uploaded_bytes=0.0
        )
        return rows.get("storage") if not notes else None

    assert storage_usd() == pytest.approx(0.2)
    assert storage_usd(storage_class="fast") == pytest.approx(5.0)
    assert storage_usd(storage_class="of nobody") is None


def test_twice_the_hours_double_the_compute_row_only(make_config: Any) -> None:
    cluster = make_config(cluster={"provider": "one"}).cluster
    cost, rows, _ = cost_of_run(
        cluster, BOOK, DAY, accelerator_hours=HOURS, stored_byte_months=50 * GIB, uploaded_bytes=0.0
    )
    changed, changed_rows = with_compute_hours(cost, rows, old_hours=HOURS, new_hours=HOURS.scale(2.0))
    assert changed_rows == pytest.approx({**rows, "compute": 2 * rows["compute"]})
    assert changed is not None
    assert changed.p50 == sum(changed_rows.values())
    assert (changed.p10, changed.p90) == pytest.approx((2 * 16 + 1, 2 * 30 + 1))


@pytest.mark.parametrize(("used", "billed"), [(1, 8), (5, 8), (8, 8), (9, 16)])
def test_whole_instances_are_billed(make_config: Any, used: int, billed: int) -> None:
    book = PriceBook(prices=(price(usd_per_unit=16.0, unit="instance_hour", accelerators_per_instance=8),))
    cluster = make_config(cluster={"count": used}).cluster
    hours = Quantiles.exact(10.0 * used)
    cost, rows, notes = cost_of_run(cluster, book, DAY, accelerator_hours=hours, stored_byte_months=0, uploaded_bytes=0)
    assert cost is not None
    assert any("whole instances are billed" in note for note in notes) == (used < billed)
    assert cost.p50 == pytest.approx(billed * 2.0 * 10)
    assert rows["compute"] == pytest.approx(used * 2.0 * 10)
    assert rows.get("unused_accelerators", 0.0) == pytest.approx((billed - used) * 2.0 * 10)


def test_at_each_place_the_instance_that_bills_least_is_taken(make_config: Any) -> None:
    book = PriceBook(
        prices=(
            price(usd_per_unit=2.0, accelerators_per_instance=8, instance_type="eight"),
            price(usd_per_unit=3.0, accelerators_per_instance=1, instance_type="one"),
        )
    )

    def quoted(**cluster: Any) -> float | None:
        quote = accelerator_quote(make_config(cluster=cluster).cluster, book, DAY)
        return quote.usd.p50 if quote.usd else None

    assert quoted(count=2) == 3.0
    assert quoted(count=8) == 2.0
    assert quoted(count=2, instance_type="eight") == 8.0
    assert quoted(count=2, instance_type="four") is None


@pytest.mark.parametrize(
    ("duration_s", "increment_s", "minimum_s", "billed"),
    [(10.0, 1.0, 60.0, 60.0), (61.2, 1.0, 60.0, 62.0), (3601.0, 3600.0, 0.0, 7200.0), (3600.0, 3600.0, 0.0, 3600.0)],
)
def test_time_is_billed_in_whole_increments(
    duration_s: float, increment_s: float, minimum_s: float, billed: float
) -> None:
    assert billed_s(duration_s, increment_s, minimum_s) == billed


def test_an_hour_that_has_begun_is_billed_where_the_provider_bills_hours(make_config: Any) -> None:
    book = PriceBook(prices=(price(billing_increment_s=3600.0),))
    cluster = make_config(cluster={"count": 2}).cluster
    _, rows, _ = cost_of_run(
        cluster, book, DAY, accelerator_hours=Quantiles.exact(2.2), stored_byte_months=0, uploaded_bytes=0
    )
    assert rows == pytest.approx({"compute": 2 * 2 * 2.0})


def test_machines_of_ones_own_cost_capital_space_and_power(make_config: Any) -> None:
    owned = {
        "capital_usd": 35_064, "amortisation_years": 4, "usd_per_kwh": 0.2, "space_usd_per_month": 73.05,
        "utilisation_ratio": 0.5,
    }  # fmt: skip
    cluster = make_config(cluster={"owned": owned, "power": {"power_w": 1000, "pue_ratio": 1.5}}).cluster
    cost, rows, _ = cost_of_run(cluster, None, DAY, accelerator_hours=HOURS, stored_byte_months=0, uploaded_bytes=0)
    assert rows == pytest.approx({"capital": 20.0, "space": 2.0, "power": 3.0})
    assert cost is not None
    assert cost.p50 == sum(rows.values())
    slower, slower_rows = with_compute_hours(cost, rows, old_hours=HOURS, new_hours=HOURS.scale(2.0))
    assert slower_rows == pytest.approx({row: 2 * usd for row, usd in rows.items()})
    assert slower is not None
    assert slower.p90 == pytest.approx(2 * cost.p90)


def test_a_run_without_cost_stays_without() -> None:
    assert with_compute_hours(None, {}, old_hours=HOURS, new_hours=HOURS) == (None, {})


@pytest.mark.parametrize("usd", [[2.0], [1.0, 4.0], [5.0, 1.0, 3.0], [1.0, 1.5, 2.5, 2.5, 9.0, 4.0, 3.0]])
def test_the_price_levels_are_the_quantiles_of_the_prices_that_fit(usd: list[float]) -> None:
    book = PriceBook(prices=tuple(price(provider=str(place), usd_per_unit=each) for place, each in enumerate(usd)))
    quote = accelerator_quote(Cluster(accelerator=load_catalog().accelerators["a100-80gb"]), book, DAY).usd
    assert quote is not None
    assert [quote.p10, quote.p50, quote.p90] == pytest.approx(list(np.quantile(usd, [0.1, 0.5, 0.9])))
