"""What is suspicious about prices. Real catalogs hold all of these; none of them is an error by itself."""

import math
import statistics
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, NamedTuple

from planner.domain.price_book import Price

Kind = Literal[
    "unreadable", "blank", "unknown accelerator", "duplicate", "stale", "from the future", "spot equals on demand",
    "per accelerator or per instance", "missing",
]  # fmt: skip

SPOT_RATIO = 0.98
"""A spot price above this share of on demand is how catalogs say that there is no spot capacity."""
FACTOR_TOLERANCE = 0.5
"""How near to the number of accelerators a factor must be, as a natural logarithm, to look like a mix-up."""
MIN_INSTANCE = 4
"""With two accelerators a factor of two is found between honest prices too."""


class Finding(NamedTuple):
    """One suspicion; ``line`` 0 where it belongs to no line."""

    line: int
    kind: Kind
    message: str


class Line(NamedTuple):
    """A price and where it stands."""

    line: int
    price: Price


def check_prices(
    lines: Sequence[Line],
    *,
    today: date,
    max_age_days: int,
    reference: Iterable[Price] = (),
    needed: Iterable[str] = (),
) -> tuple[Finding, ...]:
    """Suspicions in the order of the lines.

    ``reference``: prices of others to compare with. ``needed``: catalog names of accelerators that must have a price.
    """
    reference = tuple(reference)
    found = [
        *_duplicates(lines),
        *_dates(lines, today, max_age_days),
        *_spot(lines),
        *_mix_ups(lines, reference),
    ]
    priced = {price.accelerator for price in (*(line.price for line in lines), *reference)}
    missing = [name for name in sorted(set(needed)) if name not in priced]
    found.extend(Finding(0, "missing", f"no price for {name}, which foretune.yaml plans with") for name in missing)
    return tuple(sorted(found, key=lambda finding: (finding.line == 0, finding.line, finding.kind)))


def _duplicates(lines: Sequence[Line]) -> Iterable[Finding]:
    first: dict[tuple[object, ...], Line] = {}
    for line in lines:
        key = (*line.price.product, line.price.valid_from)
        earlier = first.setdefault(key, line)
        if earlier is not line:
            same = "the same" if earlier.price.usd_per_unit == line.price.usd_per_unit else "another"
            yield Finding(line.line, "duplicate", f"{_name(line.price)}: line {earlier.line} gives {same} price for it")


def _dates(lines: Sequence[Line], today: date, max_age_days: int) -> Iterable[Finding]:
    newest: dict[tuple[object, ...], date] = {}
    for _, price in lines:
        newest[price.product] = max(newest.get(price.product, price.valid_from), price.valid_from)
    for line, price in lines:
        age_days = (today - price.retrieved_on).days
        if price.retrieved_on > today:
            yield Finding(
                line, "from the future", f"{_name(price)}: retrieved on {price.retrieved_on}, today is {today}"
            )
        elif age_days > max_age_days and price.valid_from == newest[price.product]:
            yield Finding(line, "stale", f"{_name(price)}: last looked up {age_days} days ago, on {price.retrieved_on}")


def _spot(lines: Sequence[Line]) -> Iterable[Finding]:
    on_demand: dict[tuple[object, ...], float] = {}
    for _, price in lines:
        if price.pricing_category == "Standard":
            on_demand.setdefault(_offer(price), price.usd_per_accelerator_hour)
    for line, price in lines:
        standard = on_demand.get(_offer(price))
        if price.pricing_category == "Dynamic" and standard and price.usd_per_accelerator_hour >= SPOT_RATIO * standard:
            yield Finding(
                line,
                "spot equals on demand",
                f"{_name(price)}: {price.usd_per_accelerator_hour:.4g} against {standard:.4g} USD on demand: there "
                "is no spot capacity; leave the line out",
            )


def _mix_ups(lines: Sequence[Line], reference: Sequence[Price]) -> Iterable[Finding]:
    """A price that is off by the number of accelerators, against others of the same card and category."""
    others: dict[tuple[object, ...], list[Price]] = {}
    for price in (*(line.price for line in lines), *reference):
        if price.resource == "accelerator":
            others.setdefault((price.accelerator, price.pricing_category), []).append(price)
    for line, price in lines:
        each = price.accelerators_per_instance or 1
        if price.resource != "accelerator" or each < MIN_INSTANCE or price.usd_per_unit <= 0:
            continue
        compared = _comparable(price, others[price.accelerator, price.pricing_category])
        if not compared:
            continue
        usual = statistics.median(compared)
        factor = price.usd_per_accelerator_hour / usual
        for meant, unit in ((each, "instance_hour"), (1 / each, "accelerator_hour")):
            if unit != price.unit and abs(math.log(factor / meant)) < FACTOR_TOLERANCE:
                yield Finding(
                    line,
                    "per accelerator or per instance",
                    f"{_name(price)}: {price.usd_per_unit:.4g} USD a {price.unit} is {factor:.2g} times the usual "
                    f"{usual:.3g} USD of one accelerator, and the instance has {each}: is it the price of an {unit}?",
                )


def _comparable(price: Price, others: Sequence[Price]) -> list[float]:
    """Prices of one accelerator elsewhere: of the same provider where it has any, else of all."""
    apart = [
        other
        for other in others
        if other is not price and other.usd_per_unit > 0 and other.instance_type != price.instance_type
    ]
    own = [other for other in apart if other.provider == price.provider]
    return [other.usd_per_accelerator_hour for other in own or apart]


def _offer(price: Price) -> tuple[object, ...]:
    return price.resource, price.provider, price.instance_type, price.accelerator, price.region


def _name(price: Price) -> str:
    parts = (price.provider, price.instance_type, price.accelerator or price.resource, price.region)
    return " ".join(part for part in (*parts, price.pricing_category) if part)
