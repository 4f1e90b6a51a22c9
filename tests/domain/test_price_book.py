from datetime import date

import pytest
from pydantic import ValidationError

from planner.domain.price_book import Price, PriceBook
from planner.errors import MissingPriceError


def price(usd: float, valid_from: str, *, region: str = "eu", category: str = "Standard") -> Price:
    return Price.model_validate(
        {
            "resource": "accelerator",
            "provider": "cloud",
            "instance_type": "big",
            "accelerator": "h100-sxm-80gb",
            "region": region,
            "pricing_category": category,
            "usd_per_unit": usd,
            "unit": "accelerator_hour",
            "valid_from": valid_from,
            "source_url": "https://example.com",
            "retrieved_on": "2026-01-01",
        }
    )


BOOK = PriceBook(prices=(price(4.0, "2025-01-01"), price(3.0, "2026-01-01"), price(2.0, "2025-01-01", region="us")))


@pytest.mark.parametrize(
    ("day", "usd"), [(date(2024, 12, 31), []), (date(2025, 6, 1), [2.0, 4.0]), (date(2026, 6, 1), [2.0, 3.0])]
)
def test_the_price_of_a_day_is_the_newest_that_was_valid(day: date, usd: list[float]) -> None:
    assert [p.usd_per_unit for p in BOOK.at(day).matching("accelerator")] == usd


def test_every_condition_narrows() -> None:
    assert [p.usd_per_unit for p in BOOK.matching("accelerator", region="us")] == [2.0]
    assert BOOK.matching("accelerator", provider="other") == ()
    assert BOOK.matching("storage") == ()


def test_a_missing_price_names_the_nearest_alternatives_and_what_to_do() -> None:
    with pytest.raises(MissingPriceError, match=r"region mars.*cloud eu Standard.*usd_per_accelerator_hour"):
        BOOK.require("accelerator", accelerator="h100-sxm-80gb", region="mars")
    with pytest.raises(MissingPriceError, match="has none"):
        BOOK.require("accelerator", accelerator="abacus")


def test_a_price_that_is_not_valid_yet_says_from_when_it_is() -> None:
    with pytest.raises(MissingPriceError, match=r"on 2024-12-31: the first one known is valid from 2025-01-01"):
        BOOK.require("accelerator", on=date(2024, 12, 31), accelerator="h100-sxm-80gb")


def test_the_nearest_alternatives_come_first_and_an_unknown_accelerator_has_near_names() -> None:
    spot = price(1.0, "2025-01-01", region="us", category="Dynamic")
    book = PriceBook(prices=(*BOOK.prices, spot))
    with pytest.raises(MissingPriceError, match=r"known for it: cloud us Dynamic; cloud us Standard"):
        book.require("accelerator", accelerator="h100-sxm-80gb", region="us", pricing_category="Committed")
    with pytest.raises(MissingPriceError, match=r"none for it, but for h100-sxm-80gb"):
        book.require("accelerator", accelerator="h100-sxm-80g")


def test_own_prices_of_a_category_leave_the_others_to_the_book() -> None:
    own = price(9.0, "2026-01-01", region="mars")
    book = BOOK.overridden_by([own])
    assert [p.usd_per_unit for p in book.at(date(2026, 6, 1)).matching("accelerator")] == [9.0]
    assert [p.usd_per_unit for p in book.at(date(2025, 6, 1)).matching("accelerator")] == [2.0, 4.0]


@pytest.mark.parametrize(("used", "usd"), [(1, 8.0), (5, 1.6), (8, 1.0), (9, 16 / 9)])
def test_a_used_accelerator_pays_for_those_that_are_billed_beside_it(used: int, usd: float) -> None:
    each = price(1.0, "2025-01-01").model_copy(update={"accelerators_per_instance": 8})
    assert each.usd_per_used_accelerator_hour(used) == pytest.approx(usd)


def test_the_price_of_an_instance_is_shared_by_its_accelerators() -> None:
    whole = price(8.0, "2025-01-01").model_copy(update={"accelerators_per_instance": 8, "unit": "instance_hour"})
    assert whole.usd_per_accelerator_hour == 1.0
    with pytest.raises(ValidationError, match="needs accelerators_per_instance"):
        Price.model_validate({**price(8.0, "2025-01-01").model_dump(), "unit": "instance_hour"})
    with pytest.raises(ValidationError, match="storage is priced by gib_month"):
        Price.model_validate({**price(8.0, "2025-01-01").model_dump(), "resource": "storage"})
