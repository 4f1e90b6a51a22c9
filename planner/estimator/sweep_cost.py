"""Cost of many runs at once, at the prices that ``cost_of_run`` takes for each."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from planner.domain.accelerator import Cluster
from planner.domain.price_book import PriceBook
from planner.estimator.cost import accelerator_quote, billed_s, side_price
from planner.estimator.elementwise import larger, smaller
from planner.estimator.hardware import Hardware
from planner.estimator.quantile_mixture import Triple
from planner.units import GIB, HOUR_S

NAN = float("nan")


def cost_columns(
    cluster: Cluster,
    prices: PriceBook | None,
    on: date | None,
    *,
    length: int,
    accelerator_hours: Triple,
    stored_byte_months: float,
    uploaded_bytes: float,
) -> Triple:
    """USD (p10, p50, p90) of runs whose device counts, hours and bytes are arrays; NaN where no price is known."""
    kinds, kind = clusters_of(cluster, length)
    counts, number = np.unique(np.broadcast_to(np.asarray(cluster.count), np.shape(kind)), return_inverse=True)
    pairs, place = np.unique(kind * len(counts) + number, return_inverse=True)
    priced = [
        kinds[pair // len(counts)].model_copy(update={"count": int(counts[pair % len(counts)])})
        for pair in pairs.tolist()
    ]
    quotes = [accelerator_quote(one, prices, on) for one in priced]

    def of_each(values: list[float]) -> Any:
        return np.array(values)[place]

    usd = [
        of_each([NAN if q.usd is None else getattr(q.usd, level) for q in quotes]) for level in ("p10", "p50", "p90")
    ]
    increment_s, minimum_s = of_each([q.increment_s for q in quotes]), of_each([q.minimum_s for q in quotes])
    low, middle, high = (
        billed_s(hours * HOUR_S / cluster.count, increment_s, minimum_s) * cluster.count / HOUR_S
        for hours in accelerator_hours
    )
    sides, shops = 0.0, {_shop(one): one for one in kinds}
    for resource, size_bytes in (("storage", stored_byte_months), ("egress", uploaded_bytes)):
        usd_at = {shop: side_price(resource, one, prices, on) or 0.0 for shop, one in shops.items()}
        sides = sides + size_bytes / GIB * np.array([usd_at[_shop(one)] for one in kinds])[kind]
    total = middle * usd[1] + sides
    return smaller(low * usd[0] + sides, total), total, larger(high * usd[2] + sides, total)


def clusters_of(cluster: Cluster, length: int) -> tuple[Sequence[Cluster], Any]:
    """The clusters that a column of runs uses, and for each run the position of its own."""
    hardware: Any = cluster.accelerator
    if isinstance(hardware, Hardware):
        return hardware.clusters, hardware.place
    return (cluster,), np.zeros(length, dtype=int)


def _shop(cluster: Cluster) -> tuple[str | None, str | None]:
    return cluster.provider, cluster.region
