"""Laws of cost, for prices, clusters and durations of every kind."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.domain.accelerator import Cluster
from planner.domain.estimate import Quantiles
from planner.domain.owned_price import OwnedPrice, Power
from planner.domain.price_book import Price, PriceBook
from planner.estimator.cost import cost_of_run, with_compute_hours
from planner.units import in_cents

A100 = load_catalog().accelerators["a100-80gb"]
START = date(2026, 1, 1)
hours = st.floats(1e-3, 1e5)


@st.composite
def prices(draw: st.DrawFn) -> PriceBook:
    found = [
        Price(
            resource="accelerator",
            provider=draw(st.sampled_from("abc")),
            instance_type=draw(st.sampled_from(("small", "large"))),
            accelerator="a100-80gb",
            accelerators_per_instance=draw(st.sampled_from((1, 2, 4, 8, 16))),
            region=draw(st.sampled_from(("eu", "us"))),
            pricing_category=draw(st.sampled_from(("Standard", "Dynamic", "Committed"))),
            usd_per_unit=draw(st.floats(0, 1000)),
            unit=draw(st.sampled_from(("accelerator_hour", "instance_hour"))),
            valid_from=START + timedelta(days=draw(st.integers(0, 300))),
            source_url="https://example.org",
            retrieved_on=START,
            billing_increment_s=draw(st.sampled_from((1.0, 60.0, 3600.0))),
            billing_minimum_s=draw(st.sampled_from((0.0, 60.0, 3600.0))),
        )
        for _ in range(draw(st.integers(1, 6)))
    ]
    for resource, unit in (("storage", "gib_month"), ("egress", "gib")):
        side = {"resource": resource, "unit": unit, "accelerator": None, "usd_per_unit": draw(st.floats(0, 1))}
        found.append(Price.model_validate({**found[0].model_dump(), **side}))
    return PriceBook(prices=tuple(found))


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    owned = OwnedPrice(
        capital_usd=draw(st.floats(0, 1e6)),
        amortisation_years=draw(st.floats(0.5, 10)),
        usd_per_kwh=draw(st.floats(0, 2)),
        space_usd_per_month=draw(st.floats(0, 1e4)),
        utilisation_ratio=draw(st.floats(0.01, 1)),
    )
    kind = draw(st.sampled_from(("book", "own price", "owned")))
    return Cluster(
        accelerator=A100,
        count=draw(st.integers(1, 64)),
        provider=draw(st.sampled_from((None, "a", "b"))),
        pricing_category=draw(st.sampled_from(("Standard", "Dynamic", "Committed"))),
        usd_per_accelerator_hour=draw(st.floats(0, 100)) if kind == "own price" else None,
        owned=owned if kind == "owned" else None,
        power=draw(st.sampled_from((None, Power(pue_ratio=1.4), Power(power_w=500.0)))),
    )


def cost(
    cluster: Cluster, book: PriceBook, day: date, accelerator_hours: Quantiles, stored: float = 0.0
) -> tuple[Quantiles | None, dict[str, float]]:
    total, rows, notes = cost_of_run(
        cluster, book, day, accelerator_hours=accelerator_hours, stored_byte_months=stored, uploaded_bytes=stored
    )
    assert total is not None or notes
    return total, rows


@given(clusters(), prices(), st.integers(0, 400), hours, st.floats(0, 1e15), st.floats(0.1, 10))
def test_cost_is_exactly_the_sum_of_its_rows_and_never_negative(
    cluster: Cluster, book: PriceBook, day: int, some_hours: float, stored: float, factor: float
) -> None:
    spread = Quantiles.lognormal(some_hours, 0.3)
    total, rows = cost(cluster, book, START + timedelta(days=day), spread, stored)
    assume(total is not None)
    changed = with_compute_hours(total, rows, old_hours=spread, new_hours=spread.scale(factor))
    for quantiles, parts in ((total, rows), changed):
        assert quantiles is not None
        assert quantiles.p50 == sum(parts.values())
        assert quantiles.p10 >= 0
        assert all(usd >= 0 for usd in parts.values())


@given(clusters(), prices(), st.integers(0, 400), hours, hours)
def test_more_hours_never_cost_less(
    cluster: Cluster, book: PriceBook, day: int, some_hours: float, more_hours: float
) -> None:
    few, many = sorted((some_hours, more_hours))
    on = START + timedelta(days=day)
    less, _ = cost(cluster, book, on, Quantiles.lognormal(few, 0.3))
    more, _ = cost(cluster, book, on, Quantiles.lognormal(many, 0.3))
    assume(less is not None and more is not None)
    assert less is not None
    assert more is not None
    for level in ("p10", "p50", "p90"):
        assert getattr(more, level) >= getattr(less, level) * (1 - 1e-12)


@given(prices(), st.integers(1, 64), hours)
def test_a_bill_is_for_whole_instances_and_no_less_than_what_is_used(
    book: PriceBook, used: int, some_hours: float
) -> None:
    for price in book.prices:
        if price.resource == "accelerator":
            each = price.accelerators_per_instance or 1
            usd = price.usd_per_used_accelerator_hour(used) * used
            assert usd >= price.usd_per_accelerator_hour * used * (1 - 1e-12)
            assert usd <= price.usd_per_accelerator_hour * (used + each - 1) * (1 + 1e-12)


@given(st.floats(-1e12, 1e12))
def test_cents_are_within_half_a_cent_and_never_minus_nothing(usd: float) -> None:
    cents = in_cents(usd)
    assert cents.as_tuple().exponent == -2
    assert abs(cents - Decimal(repr(usd))) <= Decimal("0.005")
    assert not (cents == 0 and cents.is_signed())
