from datetime import date
from typing import Any

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.domain.accelerator import Cluster
from planner.domain.estimate import Quantiles
from planner.domain.price_book import Price, PriceBook
from planner.estimator.cost import accelerator_quote, cost_of_run, with_compute_hours
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
    cost, rows, notes = cost_of_run(cluster, BOOK, DAY, accelerator_hours=HOURS, stored_bytes=1.0, uploaded_bytes=1.0)
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
        cluster, BOOK, DAY, accelerator_hours=HOURS, stored_bytes=100 * GIB, uploaded_bytes=10 * GIB
    )
    assert rows == pytest.approx({"compute": 20.0, "storage_month": 2.0, "egress": 1.0})
    assert cost is not None
    assert cost.p50 == sum(rows.values())
    assert (cost.p10, cost.p90) == pytest.approx((8 * 2 + 3, 15 * 2 + 3))
    assert notes == ()


def test_a_side_price_that_is_missing_is_left_out_with_a_note(make_config: Any) -> None:
    cluster = make_config(cluster={"provider": "two"}).cluster
    _, rows, notes = cost_of_run(cluster, BOOK, DAY, accelerator_hours=HOURS, stored_bytes=1e9, uploaded_bytes=1e9)
    assert set(rows) == {"compute"}
    assert len(notes) == 2


def test_twice_the_hours_double_the_compute_row_only(make_config: Any) -> None:
    cluster = make_config(cluster={"provider": "one"}).cluster
    cost, rows, _ = cost_of_run(cluster, BOOK, DAY, accelerator_hours=HOURS, stored_bytes=50 * GIB, uploaded_bytes=0.0)
    changed, changed_rows = with_compute_hours(cost, rows, old_hours=HOURS, new_hours=HOURS.scale(2.0))
    assert changed_rows == pytest.approx({**rows, "compute": 2 * rows["compute"]})
    assert changed is not None
    assert changed.p50 == sum(changed_rows.values())
    assert (changed.p10, changed.p90) == pytest.approx((2 * 16 + 1, 2 * 30 + 1))


def test_a_run_without_cost_stays_without() -> None:
    assert with_compute_hours(None, {}, old_hours=HOURS, new_hours=HOURS) == (None, {})


@pytest.mark.parametrize("usd", [[2.0], [1.0, 4.0], [5.0, 1.0, 3.0], [1.0, 1.5, 2.5, 2.5, 9.0, 4.0, 3.0]])
def test_the_price_levels_are_the_quantiles_of_the_prices_that_fit(usd: list[float]) -> None:
    book = PriceBook(prices=tuple(price(provider=str(place), usd_per_unit=each) for place, each in enumerate(usd)))
    quote = accelerator_quote(Cluster(accelerator=load_catalog().accelerators["a100-80gb"]), book, DAY).usd
    assert quote is not None
    assert [quote.p10, quote.p50, quote.p90] == pytest.approx(list(np.quantile(usd, [0.1, 0.5, 0.9])))
