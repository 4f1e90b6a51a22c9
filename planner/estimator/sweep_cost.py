"""Cost of many runs at once, at the prices that ``cost_of_run`` takes for each."""

from datetime import date
from typing import Any

import numpy as np

from planner.domain.accelerator import Cluster
from planner.domain.price_book import PriceBook
from planner.estimator.cost import accelerator_quote, billed_s, side_price
from planner.estimator.elementwise import larger, smaller
from planner.estimator.quantile_mixture import Triple
from planner.units import GIB, HOUR_S

NO_PRICE: Triple = (float("nan"), float("nan"), float("nan"))


def cost_columns(
    cluster: Cluster,
    prices: PriceBook | None,
    on: date | None,
    *,
    accelerator_hours: Triple,
    stored_byte_months: float,
    uploaded_bytes: float,
) -> Triple:
    """USD (p10, p50, p90) of runs whose device counts, hours and bytes are arrays; NaN where no price is known."""
    counts, place = np.unique(np.asarray(cluster.count), return_inverse=True)
    quotes = [
        accelerator_quote(cluster.model_copy(update={"count": int(count)}), prices, on) for count in counts.tolist()
    ]

    def of_each(values: list[float]) -> Any:
        return values[0] if len(values) == 1 else np.array(values)[place]

    if any(quote.usd is None for quote in quotes):
        return NO_PRICE
    usd = [quote.usd for quote in quotes if quote.usd is not None]
    increment_s, minimum_s = of_each([q.increment_s for q in quotes]), of_each([q.minimum_s for q in quotes])
    low, middle, high = (
        billed_s(hours * HOUR_S / cluster.count, increment_s, minimum_s) * cluster.count / HOUR_S
        for hours in accelerator_hours
    )
    sides = 0.0
    for resource, size_bytes in (("storage", stored_byte_months), ("egress", uploaded_bytes)):
        price = side_price(resource, cluster, prices, on)
        if price is not None:
            sides = sides + size_bytes / GIB * price
    total = middle * of_each([each.p50 for each in usd]) + sides
    return (
        smaller(low * of_each([each.p10 for each in usd]) + sides, total),
        total,
        larger(high * of_each([each.p90 for each in usd]) + sides, total),
    )
