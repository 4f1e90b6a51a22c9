"""What a run costs, from hours, bytes and dated prices."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from planner.domain.accelerator import Cluster
from planner.domain.estimate import Quantiles
from planner.domain.price_book import PriceBook
from planner.errors import MissingPriceError
from planner.units import GIB

STORAGE_MONTHS = 1.0
"""What a run leaves behind is charged for one month."""


class Quote(NamedTuple):
    """The price of one unit, or why there is none."""

    usd: Quantiles | None
    note: str


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
def _quote(key: _ById, on: date, resource: str, accelerator: str | None, where: tuple[str | None, ...]) -> Quote:
    provider, region, category = where
    conditions = {"accelerator": accelerator, "provider": provider, "region": region, "pricing_category": category}
    try:
        found = _valid(key, on).require(resource, **conditions)
    except MissingPriceError as missing:
        return Quote(None, str(missing))
    usd = sorted(price.usd_per_unit for price in found)
    return Quote(Quantiles(p10=_quantile(usd, 0.1), p50=_quantile(usd, 0.5), p90=_quantile(usd, 0.9)), "")


def _quantile(ordered: Sequence[float], level: float) -> float:
    """Between the two nearest of the ordered values; written out because numpy takes longer to import than to count."""
    position = level * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def accelerator_quote(cluster: Cluster, prices: PriceBook | None, on: date | None) -> Quote:
    """USD an accelerator hour: the cluster's own price, else the median and spread of the prices that fit it.

    ``on`` None takes the newest prices.
    """
    if cluster.usd_per_accelerator_hour is not None:
        return Quote(Quantiles.exact(cluster.usd_per_accelerator_hour), "")
    if prices is None:
        return Quote(None, "no cost: neither a price book nor cluster.usd_per_accelerator_hour was given")
    where = (cluster.provider, cluster.region, cluster.pricing_category)
    return _quote(_ById(prices), on or date.max, "accelerator", cluster.accelerator.slug, where)


def _side_price(resource: str, cluster: Cluster, prices: PriceBook | None, on: date | None) -> float | None:
    if prices is None:
        return None
    exact = _quote(_ById(prices), on or date.max, resource, None, (cluster.provider, cluster.region, None)).usd
    anywhere = exact or _quote(_ById(prices), on or date.max, resource, None, (cluster.provider, None, None)).usd
    return anywhere.p50 if anywhere else None


def cost_of_run(
    cluster: Cluster,
    prices: PriceBook | None,
    on: date | None,
    *,
    accelerator_hours: Quantiles,
    stored_bytes: float,
    uploaded_bytes: float,
) -> tuple[Quantiles | None, dict[str, float], tuple[str, ...]]:
    """USD of a run, its rows at the median, and notes: compute, a month of storage, one download of a checkpoint.

    The quantiles of hours and price go together: a slow run at a dear provider is the p90.
    """
    quote = accelerator_quote(cluster, prices, on)
    if quote.usd is None:
        return None, {}, (quote.note,)
    rows = {"compute": accelerator_hours.p50 * quote.usd.p50}
    notes: list[str] = []
    for row, resource, size_bytes in (
        ("storage_month", "storage", stored_bytes * STORAGE_MONTHS),
        ("egress", "egress", uploaded_bytes),
    ):
        price = _side_price(resource, cluster, prices, on)
        if price is None:
            notes.append(f"cost leaves out {resource}: no price for {cluster.provider or 'any provider'}")
        else:
            rows[row] = size_bytes / GIB * price
    sides = sum(usd for row, usd in rows.items() if row != "compute")
    cost = Quantiles(
        p10=accelerator_hours.p10 * quote.usd.p10 + sides,
        p50=rows["compute"] + sides,
        p90=accelerator_hours.p90 * quote.usd.p90 + sides,
    )
    return cost.model_copy(update={"p50": sum(rows.values())}), rows, tuple(notes)


def with_compute_hours(
    cost: Quantiles | None, rows: Mapping[str, float], *, old_hours: Quantiles, new_hours: Quantiles
) -> tuple[Quantiles | None, dict[str, float]]:
    """Cost and rows after a change of accelerator hours, at the same prices."""
    if cost is None:
        return None, dict(rows)
    sides = sum(usd for row, usd in rows.items() if row != "compute")

    def scaled(level: str) -> float:
        old = getattr(old_hours, level)
        compute = max(float(getattr(cost, level)) - sides, 0.0)
        return sides + (compute * getattr(new_hours, level) / old if old > 0 else 0.0)

    changed = dict(rows)
    changed["compute"] = rows["compute"] * new_hours.p50 / old_hours.p50 if old_hours.p50 > 0 else 0.0
    p50 = sum(changed.values())
    return Quantiles(p10=min(scaled("p10"), p50), p50=p50, p90=max(scaled("p90"), p50)), changed
