"""What a run costs, from hours, bytes and dated prices."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from planner.domain.accelerator import Cluster
from planner.domain.estimate import Quantiles
from planner.domain.owned_price import OwnedPrice
from planner.domain.price_book import Price, PriceBook
from planner.errors import MissingPriceError
from planner.estimator.elementwise import always, ceil, larger, rounded, where
from planner.estimator.energy import run_power
from planner.units import GIB, HOUR_S, KILO

SIDE_ROWS = ("storage", "egress")
"""Rows that do not grow with the duration; all others do."""


class Quote(NamedTuple):
    """The price of one unit, or why there is none."""

    usd: Quantiles | None
    """Of an accelerator: an hour of one that is used, with its share of those that are billed beside it."""
    note: str
    parts: Mapping[str, float] = {"compute": 1.0}
    """Share of each cost row in the median price."""
    increment_s: float = 0.0
    minimum_s: float = 0.0
    """How the duration is rounded up when it is billed; 0: it is not."""


class _ById:
    """A price book as cache key by identity: hashing its hundreds of prices would take longer than an estimate."""

    __slots__ = ("book",)

    def __init__(self, book: PriceBook) -> None:
        self.book = book

    def __hash__(self) -> int:
        return id(self.book)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.book is self.book


@lru_cache(maxsize=512)
def _valid(key: _ById, on: date) -> PriceBook:
    return key.book.at(on)


@lru_cache(maxsize=4096)
def _quote(
    key: _ById, on: date, resource: str, accelerator: str | None, num_used: int, where: tuple[str | None, ...]
) -> Quote:
    names = ("provider", "region", "pricing_category", "instance_type")
    conditions = {"accelerator": accelerator, **dict(zip(names, where, strict=True))}
    found = _valid(key, on).matching(resource, **conditions)
    if not found:
        try:
            found = key.book.require(resource, on=on, **conditions)
        except MissingPriceError as missing:
            return Quote(None, str(missing))
    offers = _least_billed(found, num_used)
    usd = [offer.usd_per_used_accelerator_hour(num_used) for offer in offers]
    quantiles = Quantiles(p10=_quantile(usd, 0.1), p50=_quantile(usd, 0.5), p90=_quantile(usd, 0.9))
    middle = offers[(len(offers) - 1) // 2]
    parts = {"compute": 1.0}
    used_usd = _quantile([offer.usd_per_accelerator_hour for offer in offers], 0.5)
    if quantiles.p50 > used_usd:
        parts = {"compute": used_usd / quantiles.p50, "unused_accelerators": 1 - used_usd / quantiles.p50}
    return Quote(quantiles, "", parts, middle.billing_increment_s, middle.billing_minimum_s)


def _least_billed(found: Iterable[Price], num_used: int) -> list[Price]:
    """Of each provider, region and category the price that bills least for so many accelerators, cheapest first.

    Instances of one type make up a cluster: a smaller one is taken where it wastes less.
    """
    best: dict[tuple[object, ...], Price] = {}
    for price in found:
        place = (price.provider, price.region, price.pricing_category, price.commitment_years)
        known = best.get(place)
        if known is None or _bill(price, num_used) < _bill(known, num_used):
            best[place] = price
    return sorted(best.values(), key=lambda price: _bill(price, num_used))


def _bill(price: Price, num_used: int) -> tuple[float, float]:
    return price.usd_per_used_accelerator_hour(num_used), price.usd_per_accelerator_hour


def _quantile(values: Sequence[float], level: float) -> float:
    """Between the two nearest values; written out because numpy takes longer to import than to count."""
    ordered = sorted(values)
    position = level * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def accelerator_quote(cluster: Cluster, prices: PriceBook | None, on: date | None) -> Quote:
    """USD an hour of one accelerator that is used: the cluster's own price, what it owns, or the prices that fit it.

    Several prices that fit give their median and spread. Whole instances are billed: with 5 of 8 accelerators used
    the price of one is 8/5 of what is listed. ``on`` None takes the newest prices.
    """
    if cluster.usd_per_accelerator_hour is not None:
        return Quote(Quantiles.exact(cluster.usd_per_accelerator_hour), "")
    if cluster.owned is not None:
        return _owned_quote(cluster, cluster.owned)
    if prices is None:
        return Quote(None, "no cost: neither a price book nor cluster.usd_per_accelerator_hour was given")
    where = (cluster.provider, cluster.region, cluster.pricing_category, cluster.instance_type)
    return _quote(_ById(prices), on or date.max, "accelerator", cluster.accelerator.slug, cluster.count, where)


def _owned_quote(cluster: Cluster, owned: OwnedPrice) -> Quote:
    """Capital and space of an hour in use, and the power drawn in it."""
    draw = run_power(cluster)
    rows = {"capital": owned.capital_usd_per_hour, "space": owned.space_usd_per_hour}
    fixed = sum(rows.values())
    if draw.power_w is None:
        power = Quantiles.exact(0.0)
    else:
        power = draw.power_w.scale(owned.usd_per_kwh / KILO / cluster.count)
        rows["power"] = power.p50
    total = sum(rows.values())
    parts = {row: usd / total for row, usd in rows.items() if usd > 0} if total > 0 else {"capital": 1.0}
    usd = Quantiles(p10=min(fixed + power.p10, total), p50=total, p90=max(fixed + power.p90, total))
    return Quote(usd, draw.note if draw.power_w is None else "", parts)


def side_price(resource: str, cluster: Cluster, prices: PriceBook | None, on: date | None) -> float | None:
    if prices is None:
        return None
    product = cluster.storage_class if resource == "storage" else None
    for region in (cluster.region, None):
        where = (cluster.provider, region, None, product)
        usd = _quote(_ById(prices), on or date.max, resource, None, 1, where).usd
        if usd is not None:
            return usd.p50
    return None


def billed_s(duration_s: float, increment_s: float, minimum_s: float) -> float:
    """The duration that a bill shows: whole increments (0: as it is), at least the minimum."""
    is_exact = increment_s <= 0
    if always(is_exact):
        return larger(duration_s, minimum_s)
    increment = where(is_exact, 1.0, increment_s)
    billed = ceil(rounded(duration_s / increment, 9)) * increment
    return larger(where(is_exact, duration_s, billed), minimum_s)


def cost_of_run(
    cluster: Cluster,
    prices: PriceBook | None,
    on: date | None,
    *,
    accelerator_hours: Quantiles,
    stored_byte_months: float,
    uploaded_bytes: float,
) -> tuple[Quantiles | None, dict[str, float], tuple[str, ...]]:
    """USD of a run, its rows at the median, and notes: compute, storage while it is kept, one download of a checkpoint.

    The quantiles of hours and price go together: a slow run at a dear provider is the p90. The rows add up to the
    median. Hours are those billed: rounded up as the provider does.
    """
    quote = accelerator_quote(cluster, prices, on)
    if quote.usd is None:
        return None, {}, (quote.note,)
    p10, p50, p90 = (
        billed_s(hours * HOUR_S / cluster.count, quote.increment_s, quote.minimum_s) * cluster.count / HOUR_S
        for hours in (accelerator_hours.p10, accelerator_hours.p50, accelerator_hours.p90)
    )
    rows = {row: p50 * quote.usd.p50 * share for row, share in quote.parts.items()}
    notes = [quote.note] if quote.note else []
    if unused := quote.parts.get("unused_accelerators"):
        notes.append(f"whole instances are billed: {unused:.0%} of the compute cost is for accelerators left unused")
    sides: dict[str, float] = {}
    for row, resource, size_bytes in (
        ("storage", "storage", stored_byte_months),
        ("egress", "egress", uploaded_bytes),
    ):
        price = side_price(resource, cluster, prices, on)
        if price is None:
            product = cluster.storage_class if resource == "storage" else None
            sold = f"{product} of " if product else ""
            notes.append(f"cost leaves out {resource}: no price for {sold}{cluster.provider or 'any provider'}")
        else:
            sides[row] = size_bytes / GIB * price
    rows |= sides
    total, side_usd = sum(rows.values()), sum(sides.values())
    cost = Quantiles(
        p10=min(p10 * quote.usd.p10 + side_usd, total), p50=total, p90=max(p90 * quote.usd.p90 + side_usd, total)
    )
    return cost, rows, tuple(notes)


def with_compute_hours(
    cost: Quantiles | None, rows: Mapping[str, float], *, old_hours: Quantiles, new_hours: Quantiles
) -> tuple[Quantiles | None, dict[str, float]]:
    """Cost and rows after a change of accelerator hours, at the same prices."""
    if cost is None:
        return None, dict(rows)
    sides = sum(usd for row, usd in rows.items() if row in SIDE_ROWS)

    def scaled(level: str) -> float:
        old = getattr(old_hours, level)
        compute = max(float(getattr(cost, level)) - sides, 0.0)
        return sides + (compute * getattr(new_hours, level) / old if old > 0 else 0.0)

    factor = new_hours.p50 / old_hours.p50 if old_hours.p50 > 0 else 0.0
    changed = {row: usd if row in SIDE_ROWS else usd * factor for row, usd in rows.items()}
    p50 = sum(changed.values())
    return Quantiles(p10=min(scaled("p10"), p50), p50=p50, p90=max(scaled("p90"), p50)), changed
