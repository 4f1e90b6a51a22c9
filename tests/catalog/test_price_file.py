from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.price_file import read_price_rows, with_own_prices
from planner.domain.accelerator import Cluster
from planner.domain.estimate import Quantiles
from planner.errors import ConfigError
from planner.estimator.cost import accelerator_quote

HEADER = (
    "resource,provider,instance_type,accelerator,accelerators_per_instance,region,pricing_category,usd_per_unit,unit,"
    "valid_from,source_url,retrieved_on"
)
LINE = (
    "accelerator,aws,p5.48xlarge,h100-sxm-80gb,8,us-east-1,Standard,{usd},instance_hour,2026-10-01,contract,2026-10-01"
)
CATALOG = load_catalog()

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(*lines: str, header: str = HEADER) -> Path:
        path = tmp_path / "ours.csv"
        path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
        return path

    return write_file


def test_own_prices_go_before_shipped_ones_from_the_day_they_are_valid(write: Write) -> None:
    prices = with_own_prices(CATALOG, str(write(LINE.format(usd=24)))).prices
    cluster = Cluster(accelerator=CATALOG.accelerators["h100-sxm-80gb"], count=8)
    assert accelerator_quote(cluster, prices, date(2026, 11, 24)).usd == Quantiles.exact(3.0)
    earlier = accelerator_quote(cluster, prices, date(2026, 9, 30)).usd
    assert earlier == accelerator_quote(cluster, CATALOG.prices, date(2026, 9, 30)).usd
    spot = cluster.model_copy(update={"pricing_category": "Dynamic"})
    assert accelerator_quote(spot, prices, None).usd == accelerator_quote(spot, CATALOG.prices, None).usd


def test_without_a_file_the_catalog_stays_itself() -> None:
    assert with_own_prices(CATALOG, None) is CATALOG


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LINE.format(usd=24).replace("h100-sxm-80gb", "h100-sxm-80g"), "line 2: unknown accelerator.*h100-sxm-80gb"),
        (LINE.format(usd=-1), "line 2: usd_per_unit.*greater than or equal to 0"),
        (LINE.format(usd="abc"), "line 2: usd_per_unit.*'abc'"),
        (LINE.format(usd="nan"), "line 2: usd_per_unit.*finite"),
        (LINE.format(usd=24).replace(",8,", ",,"), "line 2:.*needs accelerators_per_instance"),
        (LINE.format(usd=24).replace("instance_hour", "gib"), "line 2: accelerator is priced by"),
        (LINE.format(usd=24) + ",more", "line 2: has not the 12 values"),
    ],
)
def test_a_mistake_is_named_with_its_line(write: Write, line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_own_prices(CATALOG, str(write(line)))


def test_another_currency_is_refused(write: Write) -> None:
    path = write(LINE.format(usd=24) + ",USD", LINE.format(usd=24) + ",EUR", header=HEADER + ",currency")
    with pytest.raises(ConfigError, match=r"line 3: currency EUR: prices are compared in USD"):
        with_own_prices(CATALOG, str(path))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("usd_per_unit", "usd_per_unt"), "lacks usd_per_unit.*usd_per_unt"),
        (HEADER + ",region", "column region is given twice"),
        ("a,b", "lacks resource"),
    ],
)
def test_a_file_with_other_columns_says_which(write: Write, header: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_price_rows(write(header=header))


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_price_rows(tmp_path / "gone.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        read_price_rows(tmp_path / "binary.csv")


def test_blank_prices_are_left_out_not_taken_as_free(write: Write) -> None:
    path = write(LINE.format(usd=""))
    assert [row.is_blank for row in read_price_rows(path)] == [True]
    assert with_own_prices(CATALOG, str(path)).prices == CATALOG.prices
