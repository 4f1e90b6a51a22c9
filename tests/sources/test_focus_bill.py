import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planner.errors import BillError
from planner.sources.focus_bill import bill_files, read_bill

Write = Callable[..., Path]
CHARGE = {
    "BilledCost": "0",
    "EffectiveCost": "1.2345678901",
    "ListCost": "2.5",
    "ContractedCost": "2",
    "BillingCurrency": "USD",
    "ChargePeriodStart": "2026-10-31T23:00:00Z",
    "ChargePeriodEnd": "2026-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "PricingCategory": "Committed",
    "ProviderName": "AWS",
    "BillingAccountId": "1234",
    "ServiceName": "Amazon EC2",
    "RegionId": "us-east-1",
    "Tags": json.dumps({"run_id": "r1"}),
    "x_Other": "ignored, and with a comma",
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_csv(*charges: dict[str, str], name: str = "bill.csv", bom: str = "") -> Path:
        def cell(text: str) -> str:
            return '"' + text.replace('"', '""') + '"'

        rows = [{**CHARGE, **charge} for charge in charges]
        lines = [",".join(CHARGE), *(",".join(cell(row[name]) for name in CHARGE) for row in rows)]
        path = tmp_path / name
        content = (bom + "\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_csv


@pytest.mark.parametrize(("name", "bom"), [("bill.csv", ""), ("bill.csv", "\ufeff"), ("bill.csv.gz", "")])
def test_a_charge_keeps_every_digit_and_its_times_in_utc(write: Write, name: str, bom: str) -> None:
    bill = read_bill([write({}, name=name, bom=bom)], ["run_id"])
    (line,) = bill.lines
    assert (line.billed_cost_usd, line.effective_cost_usd) == (Decimal(0), Decimal("1.2345678901"))
    assert (line.list_cost_usd, line.contracted_cost_usd) == (Decimal("2.5"), Decimal(2))
    assert datetime.fromtimestamp(line.charge_start_ms / 1000, UTC) == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert (line.charge_end_ms - line.charge_start_ms) == 3_600_000
    assert (line.provider, line.region, line.pricing_category) == ("AWS", "us-east-1", "Committed")
    assert (line.tag_key, line.tag_value, line.source_row) == ("run_id", "r1", 1)


@pytest.mark.parametrize(
    "moment", ["2026-10-31T23:00:00Z", "2026-11-01T00:00:00+01:00", "2026-10-31 23:00:00", "2026-10-31T19:00:00-04:00"]
)
def test_every_spelling_of_a_moment_is_the_same_moment(write: Write, moment: str) -> None:
    (line,) = read_bill([write({"ChargePeriodStart": moment})], ["run_id"]).lines
    assert line.charge_start_ms == datetime(2026, 10, 31, 23, tzinfo=UTC).timestamp() * 1000


def test_parquet_with_typed_columns_reads_like_csv(write: Write, tmp_path: Path) -> None:
    start = datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1)))
    columns: dict[str, Any] = {
        "BilledCost": pa.array([Decimal("0.00")], pa.decimal128(20, 2)),
        "EffectiveCost": pa.array([1.2345678901], pa.float64()),
        "BillingCurrency": ["USD"],
        "ChargePeriodStart": pa.array([start], pa.timestamp("us", tz="UTC")),
        "ChargePeriodEnd": pa.array([datetime(2026, 11, 1)], pa.timestamp("ms")),  # noqa: DTZ001
        "Tags": pa.array([[("run_id", "r1")]], pa.map_(pa.string(), pa.string())),
    }
    pq.write_table(pa.table(columns), tmp_path / "bill.parquet")
    (parquet,) = read_bill([tmp_path / "bill.parquet"], ["run_id"]).lines
    (text,) = read_bill([write({})], ["run_id"]).lines
    for name in ("charge_start_ms", "charge_end_ms", "billed_cost_usd", "effective_cost_usd", "tag_value"):
        assert getattr(parquet, name) == getattr(text, name), name
    assert parquet.charge_category == "Usage"


@pytest.mark.parametrize(
    "tags",
    [
        '{"user:run_id": "r1"}',
        '{"RUN_ID": " r1 ", "team": null}',
        '"team": "chat","run_id": "r1"',
        '[{"key": "run_id", "value": "r1"}]',
        '{"run_id": "", "user_run_id": "r1"}',
    ],
)
def test_tags_are_understood_in_the_spellings_of_all_clouds(write: Write, tags: str) -> None:
    assert [line.tag_value for line in read_bill([write({"Tags": tags})], ["run_id"]).lines] == ["r1"]


def test_the_first_tag_that_is_there_counts(write: Write) -> None:
    path = write({"Tags": '{"experiment": "chat", "run_id": "r1"}'}, {"Tags": '{"experiment": "chat"}'})
    lines = read_bill([path], ["run_id", "experiment"]).lines
    assert [(line.tag_key, line.tag_value) for line in lines] == [("run_id", "r1"), ("experiment", "chat")]


@pytest.mark.parametrize("tags", ["", "{}", "not json", '{"team": "chat"}', "[1, 2]", "[" * 50_000, '{"run_id": null}'])
def test_charges_without_the_tag_are_counted_and_left_out(write: Write, tags: str) -> None:
    bill = read_bill([write({"Tags": tags, "BilledCost": "7.5"}, {})], ["run_id"])
    assert (len(bill.lines), bill.num_rows, bill.untagged_usd) == (1, 2, Decimal("7.5"))


def test_another_currency_is_refused_with_what_to_do(write: Write) -> None:
    with pytest.raises(BillError, match=r"bill.csv row 2: BillingCurrency is 'EUR'.*export the bill in USD"):
        read_bill([write({}, {"BillingCurrency": "EUR"})], ["run_id"])
    read_bill([write({"BillingCurrency": "EUR", "Tags": ""}, {})], ["run_id"])


def test_amounts_in_usd_beside_another_currency_are_offered_and_used(tmp_path: Path) -> None:
    names = [*CHARGE, "x_BilledCostInUsd", "x_EffectiveCostInUsd"]
    row = {**CHARGE, "BillingCurrency": "EUR", "Tags": "run_id: r1", "x_Other": ""}
    row |= {"Tags": '""run_id"": ""r1""', "x_BilledCostInUsd": "3", "x_EffectiveCostInUsd": "4"}
    path = tmp_path / "azure.csv"
    path.write_text(",".join(names) + "\n" + ",".join(f'"{row[name]}"' for name in names) + "\n")
    with pytest.raises(BillError, match="--usd-columns"):
        read_bill([path], ["run_id"])
    (line,) = read_bill([path], ["run_id"], usd_columns=True).lines
    assert (line.billed_cost_usd, line.effective_cost_usd, line.list_cost_usd) == (Decimal(3), Decimal(4), None)


@pytest.mark.parametrize(
    ("charge", "message"),
    [
        ({"BilledCost": "abc"}, "row 1: BilledCost 'abc' is no number"),
        ({"BilledCost": ""}, "row 1: BilledCost is empty"),
        ({"EffectiveCost": "1e300"}, "row 1: EffectiveCost '1e300' is beyond"),
        ({"EffectiveCost": "NaN"}, "row 1: EffectiveCost 'NaN'"),
        ({"EffectiveCost": "sNaN"}, "row 1: EffectiveCost"),
        ({"ChargePeriodStart": "yesterday"}, "row 1: ChargePeriodStart 'yesterday' is no time"),
        ({"ChargePeriodStart": "1926-01-01"}, "outside the years"),
        ({"ChargePeriodStart": "2026-11-01T00:00:00Z"}, "ends at 2026-11-01"),
    ],
)
def test_a_charge_that_cannot_be_is_named_with_its_row(write: Write, charge: dict[str, str], message: str) -> None:
    with pytest.raises(BillError, match=message):
        read_bill([write(charge)], ["run_id"])


def test_what_is_no_bill_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "ragged.csv").write_text(",".join(CHARGE) + "\n1,2\n")
    with pytest.raises(BillError, match=r"lacks BilledCost, BillingCurrency.*it has a, b"):
        read_bill([tmp_path / "other.csv"], ["run_id"])
    with pytest.raises(BillError, match="it has nothing"):
        read_bill([tmp_path / "empty.csv"], ["run_id"])
    with pytest.raises(BillError, match="cannot be read as Parquet"):
        read_bill([tmp_path / "broken.parquet"], ["run_id"])
    with pytest.raises(BillError, match="cannot be read as CSV"):
        read_bill([tmp_path / "ragged.csv"], ["run_id"])
    with pytest.raises(BillError, match="no such file"):
        read_bill([tmp_path / "gone.csv"], ["run_id"])


def test_a_folder_is_all_parts_of_an_export(write: Write, tmp_path: Path) -> None:
    parts = [write({}, name="part-1.csv"), write({}, name="part-0.csv.gz")]
    (tmp_path / "manifest.json").write_text("{}")
    assert list(bill_files([tmp_path, *parts])) == sorted(parts)
    assert len(read_bill(bill_files([tmp_path]), ["run_id"]).lines) == 2
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BillError, match="holds no"):
        bill_files([tmp_path / "nothing"])


def test_a_bill_names_every_day_it_has_charges_of(write: Write) -> None:
    later = {"ChargePeriodStart": "2026-11-01T23:30:00-02:00", "ChargePeriodEnd": "2026-11-02T02:00:00Z", "Tags": ""}
    bill = read_bill([write({}, later, {"ChargePeriodStart": "no time", "Tags": ""})], ["run_id"])
    assert {day.charge_day for day in bill.days} == {date(2026, 10, 31), date(2026, 11, 2)}
