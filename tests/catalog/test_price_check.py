import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.price_check import Line, check_prices
from planner.domain.price_book import Price

TODAY = date(2026, 11, 24)
SAMPLE = Path(__file__).parents[2] / ".." / "shared" / "prices" / "gpu_prices_sample.csv"
SLUGS = {"H100": "h100-sxm-80gb", "H200": "h200-sxm-141gb", "A100-80GB": "a100-80gb", "B200": "b200-180gb"}


def price(**changed: Any) -> Price:
    fields: dict[str, Any] = {
        "resource": "accelerator",
        "provider": "aws",
        "instance_type": "p5.48xlarge",
        "accelerator": "h100-sxm-80gb",
        "accelerators_per_instance": 8,
        "region": "us-east-1",
        "pricing_category": "Standard",
        "usd_per_unit": 6.88,
        "unit": "accelerator_hour",
        "valid_from": "2026-06-01",
        "source_url": "https://example.org",
        "retrieved_on": "2026-11-01",
    }
    return Price.model_validate({**fields, **changed})


def kinds(*prices: Price, needed: tuple[str, ...] = (), max_age_days: int = 180) -> list[tuple[int, str]]:
    lines = [Line(number, each) for number, each in enumerate(prices, start=2)]
    found = check_prices(lines, today=TODAY, max_age_days=max_age_days, needed=needed)
    return [(finding.line, finding.kind) for finding in found]


def test_the_shipped_prices_pass_their_own_check() -> None:
    lines = [Line(number, each) for number, each in enumerate(load_catalog().prices.prices)]
    assert check_prices(lines, today=TODAY, max_age_days=180) == ()


def test_an_honest_price_is_not_suspicious() -> None:
    assert kinds(price(), price(pricing_category="Dynamic", usd_per_unit=2.3)) == []


def test_spot_that_equals_on_demand_means_no_capacity() -> None:
    assert kinds(price(), price(pricing_category="Dynamic", usd_per_unit=6.8)) == [(3, "spot equals on demand")]
    elsewhere = price(pricing_category="Dynamic", usd_per_unit=6.8, region="eu-west-2")
    assert kinds(price(), elsewhere) == []


@pytest.mark.parametrize(
    ("usd", "unit", "found"),
    [
        (6.88, "accelerator_hour", []),
        (55.04, "instance_hour", []),
        (55.04, "accelerator_hour", [(3, "per accelerator or per instance")]),
        (6.88, "instance_hour", [(3, "per accelerator or per instance")]),
    ],
)
def test_the_price_of_an_instance_is_not_taken_for_that_of_one_accelerator(
    usd: float, unit: str, found: list[tuple[int, str]]
) -> None:
    one = price(instance_type="p5.4xlarge", accelerators_per_instance=1)
    assert kinds(one, price(usd_per_unit=usd, unit=unit)) == found


def test_doubled_lines_are_found_and_two_dates_of_one_product_are_none() -> None:
    assert kinds(price(), price(usd_per_unit=7.0)) == [(3, "duplicate")]
    assert kinds(price(), price(valid_from="2026-07-01")) == []


def test_a_price_that_was_looked_up_long_ago_is_stale_unless_a_newer_one_follows() -> None:
    old = price(retrieved_on="2026-01-01", valid_from="2026-01-01")
    assert kinds(old) == [(2, "stale")]
    assert kinds(old, max_age_days=400) == []
    assert kinds(old, price()) == []
    assert kinds(price(retrieved_on="2027-01-01")) == [(2, "from the future")]


def test_an_accelerator_that_is_planned_with_needs_a_price() -> None:
    assert kinds(price(), needed=("h100-sxm-80gb", "l4-24gb")) == [(0, "missing")]
    elsewhere = [price(accelerator="l4-24gb")]
    assert check_prices([], today=TODAY, max_age_days=1, reference=elsewhere, needed=["l4-24gb"]) == ()


def test_what_real_catalogs_contain_is_found() -> None:
    """A public sample: its zones repeat a region's on-demand price and give spot at the price of on demand."""
    if not SAMPLE.is_file():
        pytest.skip(f"{SAMPLE} is not there")
    lines = []
    with SAMPLE.open() as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            for category, column in (("Standard", "on_demand_usd_hr"), ("Dynamic", "spot_usd_hr")):
                if row["accelerator"] in SLUGS and row[column]:
                    given = price(
                        provider=row["provider"],
                        instance_type=row["instance_type"],
                        accelerator=SLUGS[row["accelerator"]],
                        accelerators_per_instance=row["accelerator_count"],
                        region=row["zone"] or row["region"] or "anywhere",
                        pricing_category=category,
                        usd_per_unit=row[column],
                        unit="instance_hour",
                    )
                    lines.append(Line(number, given))
    found = check_prices(lines, today=TODAY, max_age_days=180)
    no_capacity = {finding.line for finding in found if finding.kind == "spot equals on demand"}
    assert len(no_capacity) >= 4
    assert not [finding for finding in found if finding.kind == "per accelerator or per instance"]
