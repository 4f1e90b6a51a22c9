"""Dated prices, named as in FOCUS 1.2 (focus.finops.org)."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import Field

from planner.domain import Frozen
from planner.errors import MissingPriceError

PricingCategory = Literal["Standard", "Dynamic", "Committed"]


class Price(Frozen):
    """One list price from the day it became valid."""

    resource: Literal["accelerator", "storage", "egress"]
    provider: str
    instance_type: str | None = None
    accelerator: str | None = None
    accelerators_per_instance: int | None = Field(default=None, gt=0)
    region: str
    pricing_category: PricingCategory
    commitment_years: int | None = None
    usd_per_unit: float = Field(ge=0)
    unit: Literal["accelerator_hour", "gib_month", "gib"]
    valid_from: date
    source_url: str
    retrieved_on: date
    note: str = ""


class PriceBook(Frozen):
    """All known prices; ``at`` narrows it to those valid on a day."""

    prices: tuple[Price, ...]

    def at(self, day: date) -> "PriceBook":
        """The newest price of each product that was valid on ``day``."""
        newest: dict[tuple[object, ...], Price] = {}
        for price in sorted(self.prices, key=lambda p: p.valid_from):
            if price.valid_from <= day:
                key = price.model_dump(
                    include={
                        "resource",
                        "provider",
                        "instance_type",
                        "accelerator",
                        "region",
                        "pricing_category",
                        "commitment_years",
                    }
                )
                newest[tuple(key.values())] = price
        return PriceBook(prices=tuple(newest.values()))

    def matching(
        self,
        resource: str,
        *,
        accelerator: str | None = None,
        provider: str | None = None,
        region: str | None = None,
        pricing_category: str | None = None,
    ) -> tuple[Price, ...]:
        """Prices that fit every condition given, cheapest first."""
        conditions = {
            "accelerator": accelerator,
            "provider": provider,
            "region": region,
            "pricing_category": pricing_category,
        }
        found: Iterable[Price] = (p for p in self.prices if p.resource == resource)
        for field, wanted in conditions.items():
            if wanted is not None:
                found = [p for p in found if getattr(p, field) == wanted]
        return tuple(sorted(found, key=lambda p: p.usd_per_unit))

    def require(self, resource: str, **conditions: str | None) -> tuple[Price, ...]:
        """Like ``matching``, but an error that names the nearest alternatives where nothing fits."""
        found = self.matching(resource, **conditions)
        if found:
            return found
        asked = ", ".join(f"{k} {v}" for k, v in conditions.items() if v is not None)
        accelerator = conditions.get("accelerator")
        near = {
            f"{p.provider} {p.region} {p.pricing_category}" for p in self.matching(resource, accelerator=accelerator)
        }
        offer = f"known for it: {'; '.join(sorted(near)[:6])}" if near else "the price book has none for it"
        raise MissingPriceError(
            f"no {resource} price for {asked}: {offer}. Set cluster.usd_per_accelerator_hour, "
            f"or put a price of your own under fleet in foretune.yaml"
        )
