from datetime import date

import pytest

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
