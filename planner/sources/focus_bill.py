"""Reads cloud bills in the FOCUS format (1.0 to 1.2, CSV or Parquet): the charges that bear a tag."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

from planner.domain.bill_line import BillDay, BillLine
from planner.errors import BillError
from planner.sources.bill_columns import read_columns
from planner.sources.bill_tags import find_tag

MAX_TAGGED_LINES = 2_000_000
MAX_COST = Decimal(10) ** 9
"""USD of one charge; more is a slip of a column."""
MAX_PERIOD_MS = 3 * 366 * 86_400_000
MAX_TEXT = 500
SUFFIXES = (".csv", ".csv.gz", ".parquet")
PLACES = Decimal(1).scaleb(-10)
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

COSTS = {
    "billed_cost_usd": "BilledCost",
    "effective_cost_usd": "EffectiveCost",
    "list_cost_usd": "ListCost",
    "contracted_cost_usd": "ContractedCost",
}
REQUIRED = ("BilledCost", "BillingCurrency", "ChargePeriodStart", "ChargePeriodEnd", "Tags")
OPTIONAL = (
    "ProviderName", "BillingAccountId", "ChargeCategory", "ChargeClass", "PricingCategory", "ServiceName", "RegionId",
    "ResourceId",
)  # fmt: skip


@dataclass
class Bill:
    """What the files of one export hold."""

    lines: list[BillLine] = field(default_factory=list)
    days: set[BillDay] = field(default_factory=set)
    """Every day that the files have charges of, tagged or not."""
    num_rows: int = 0
    untagged_usd: Decimal = Decimal(0)
    """BilledCost of charges in USD without the tag: not imported."""


def in_usd(column: str) -> str:
    """Name of the column by which Azure gives an amount in USD beside the billing currency."""
    return f"x_{column}InUsd"


def read_bill(paths: Sequence[Path], tag_keys: Sequence[str], *, usd_columns: bool = False) -> Bill:
    """The charges of all files that bear one of the tags, the first of ``tag_keys`` before the others.

    ``usd_columns``: amounts from the columns x_...InUsd.

    Raises BillError for a file that is no FOCUS bill, an unreadable charge, or another currency than USD.
    """
    bill = Bill()
    costs = {name: in_usd(column) if usd_columns else column for name, column in COSTS.items()}
    required = [costs["billed_cost_usd"] if column == "BilledCost" else column for column in REQUIRED]
    optional = (*OPTIONAL, *costs.values(), in_usd("BilledCost"))
    for path in paths:
        for number, row in enumerate(read_columns(path, required, optional), start=1):
            bill.num_rows += 1
            day = _day(row.get("ProviderName"), row.get("BillingAccountId"), row["ChargePeriodStart"])
            if day is not None:
                bill.days.add(day)
            found = find_tag(row["Tags"], tag_keys)
            place = f"{path} row {number}"
            if found is None:
                bill.untagged_usd += _untagged(row, costs, usd_columns)
                continue
            if not usd_columns:
                _check_currency(row, place)
            bill.lines.append(_line(row, costs, path, number, place, found))
            if len(bill.lines) > MAX_TAGGED_LINES:
                raise BillError(f"{path}: more than {MAX_TAGGED_LINES:,} charges are tagged: import by month")
    return bill


def _check_currency(row: Mapping[str, Any], place: str) -> None:
    currency = _text(row.get("BillingCurrency")) or ""
    if currency.upper() == "USD":
        return
    nearest = (
        "the file has the amounts in USD too: use --usd-columns"
        if in_usd("BilledCost") in row
        else "export the bill in USD, or convert its cost columns and set BillingCurrency to USD"
    )
    raise BillError(
        f"{place}: BillingCurrency is {currency or 'empty'!r:.20}, and costs are kept in USD alone: {nearest}"
    )


def _line(
    row: Mapping[str, Any], costs: Mapping[str, str], path: Path, number: int, place: str, tag: tuple[str, str]
) -> BillLine:
    start, end = (_moment(row[column], place, column) for column in ("ChargePeriodStart", "ChargePeriodEnd"))
    if not 0 < end - start <= MAX_PERIOD_MS:
        raise BillError(
            f"{place}: the charge ends at {row['ChargePeriodEnd']}, and starts at {row['ChargePeriodStart']}"
        )
    amounts = {name: _cost(row.get(column), place, column) for name, column in costs.items()}
    billed = amounts["billed_cost_usd"]
    if billed is None:
        raise BillError(f"{place}: {costs['billed_cost_usd']} is empty")
    return BillLine(
        source_file=path.name[:MAX_TEXT],
        source_row=number,
        provider=_text(row.get("ProviderName")) or "",
        billing_account=_text(row.get("BillingAccountId")) or "",
        charge_start_ms=start,
        charge_end_ms=end,
        charge_category=_text(row.get("ChargeCategory")) or "Usage",
        charge_class=_text(row.get("ChargeClass")),
        pricing_category=_text(row.get("PricingCategory")),
        service=_text(row.get("ServiceName")),
        region=_text(row.get("RegionId")),
        resource_id=_text(row.get("ResourceId")),
        billed_cost_usd=billed,
        effective_cost_usd=amounts["effective_cost_usd"],
        list_cost_usd=amounts["list_cost_usd"],
        contracted_cost_usd=amounts["contracted_cost_usd"],
        tag_key=tag[0],
        tag_value=tag[1][:MAX_TEXT],
    )


def _untagged(row: Mapping[str, Any], costs: Mapping[str, str], usd_columns: bool) -> Decimal:
    if not usd_columns and (_text(row.get("BillingCurrency")) or "").upper() != "USD":
        return Decimal(0)
    try:
        return _cost(row.get(costs["billed_cost_usd"]), "", "BilledCost") or Decimal(0)
    except BillError:
        return Decimal(0)


def _cost(value: Any, place: str, column: str) -> Decimal | None:
    """An amount with ten places; None where it is empty."""
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise BillError(f"{place}: {column} {text!r:.40} is no number") from error
    if not amount.is_finite() or abs(amount) > MAX_COST:
        raise BillError(f"{place}: {column} {text!r:.40} is beyond {MAX_COST:,} USD: no single charge is as large")
    return amount.quantize(PLACES)


def _moment(value: Any, place: str, column: str) -> int:
    """Milliseconds since 1970. A time without a zone is UTC, as FOCUS demands."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise BillError(f"{place}: {column} {str(value)!r:.40} is no time like 2026-11-01T00:00:00Z") from error
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if not EARLIEST <= moment <= LATEST:
        raise BillError(f"{place}: {column} {moment.isoformat()} lies outside the years 2000 to 2100")
    return round(moment.timestamp() * 1000)


@lru_cache(maxsize=4096)
def _day(provider: Any, account: Any, start: Any) -> BillDay | None:
    """None where the start is no time."""
    try:
        moment = datetime.fromtimestamp(_moment(start, "", "") / 1000, tz=UTC)
    except BillError:
        return None
    return BillDay(_text(provider) or "", _text(account) or "", moment.date())


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text[:MAX_TEXT] or None


def bill_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files themselves and those of folders, in order, each once."""
    found: dict[Path, Path] = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(SUFFIXES))
            if not inside:
                raise BillError(f"{path}: holds no file that ends with {' or '.join(SUFFIXES)}")
        for file in inside:
            found.setdefault(file.resolve(), file)
    return tuple(found.values())
