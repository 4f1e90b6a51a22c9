import csv
from collections import Counter
from datetime import date
from importlib.resources import files

import pytest

from planner.catalog.load import load_catalog
from planner.errors import UnknownNameError
from planner.units import GIB, TERA

CATALOG = load_catalog()


def test_the_catalogs_are_large_enough_and_cover_every_kind_of_hardware() -> None:
    assert len(CATALOG.accelerators) >= 60
    assert len(CATALOG.instances) >= 80
    assert len(CATALOG.cpus) >= 10
    assert len(CATALOG.models) >= 120
    assert {a.kind for a in CATALOG.accelerators.values()} == {"gpu", "tpu", "npu", "cpu"}
    assert {"NVIDIA", "AMD", "Intel", "Google", "AWS"} <= {a.vendor for a in CATALOG.accelerators.values()}


def test_every_row_has_a_source_and_a_date() -> None:
    for accelerator in CATALOG.accelerators.values():
        assert (accelerator.source_url or "").startswith("https://"), accelerator.slug
        assert accelerator.retrieved_on, accelerator.slug
    for cpu in CATALOG.cpus.values():
        assert cpu.source_url.startswith("https://"), cpu.slug
        assert cpu.retrieved_on, cpu.slug
    for instance in CATALOG.instances:
        assert instance.source_url.startswith("https://"), instance.instance_type
    for row in csv.DictReader((files("planner.catalog") / "models.csv").read_text(encoding="utf-8").splitlines()):
        assert row["source_url"].startswith("https://"), row["name"]
        assert date.fromisoformat(row["retrieved_on"]), row["name"]
        assert row["published_params"], row["name"]
    for price in CATALOG.prices.prices:
        assert price.source_url.startswith("https://"), price
        assert price.valid_from <= price.retrieved_on, price


def test_figures_are_in_base_units_and_in_sane_ratios() -> None:
    h100 = CATALOG.accelerators["h100-sxm-80gb"]
    assert 79 * GIB < h100.memory_bytes < 80.5 * GIB
    assert h100.peak_flop_per_s["bf16"] == pytest.approx(989.4 * TERA)
    for accelerator in CATALOG.accelerators.values():
        peak = accelerator.peak_flop_per_s
        assert peak, accelerator.slug
        assert 1e9 < accelerator.memory_bandwidth_bytes_per_s < 2e13, accelerator.slug


def test_prices_belong_to_known_accelerators_and_are_never_given_twice() -> None:
    for price in CATALOG.prices.prices:
        assert price.accelerator is None or price.accelerator in CATALOG.accelerators, price
    keys = Counter(
        (
            p.resource,
            p.provider,
            p.instance_type,
            p.accelerator,
            p.region,
            p.pricing_category,
            p.commitment_years,
            p.valid_from,
        )
        for p in CATALOG.prices.prices
    )
    assert max(keys.values()) == 1


def test_spot_is_cheaper_than_on_demand_where_both_are_given() -> None:
    standard = {
        (p.provider, p.instance_type, p.accelerator, p.region): p.usd_per_unit
        for p in CATALOG.prices.prices
        if p.pricing_category == "Standard" and p.resource == "accelerator"
    }
    for price in CATALOG.prices.prices:
        key = (price.provider, price.instance_type, price.accelerator, price.region)
        if price.pricing_category == "Dynamic" and key in standard:
            assert price.usd_per_unit < 0.98 * standard[key], price


def test_an_unknown_name_suggests_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="mistral-7b"):
        CATALOG.find("model", "mistrl-7b")
    with pytest.raises(UnknownNameError, match="foretune catalog accelerators"):
        CATALOG.find("accelerator", "zx81")
