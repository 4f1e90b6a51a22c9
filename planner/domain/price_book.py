"""Dated prices, named as in FOCUS 1.2 (focus.finops.org).

The prices that foretune ships are FOCUS's ListUnitPrice; those of a team's own file are its ContractedUnitPrice.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Literal, Self

from pydantic import Field, model_validator

from planner.domain import Frozen
from planner.errors import MissingPriceError

PricingCategory = Literal["Standard", "Dynamic", "Committed"]
"""On demand, spot, reserved."""

UNITS = {"accelerator": ("accelerator_hour", "instance_hour"), "storage": ("gib_month",), "egress": ("gib",)}
NEAREST_SHOWN = 6


class Price(Frozen):
    """One price from the day it became valid."""

    resource: Literal["accelerator", "storage", "egress"]
    provider: str = Field(min_length=1, max_length=100)
    instance_type: str | None = Field(default=None, max_length=200)
    accelerator: str | None = Field(default=None, max_length=100)
    accelerators_per_instance: int | None = Field(default=None, gt=0, le=1024)
    """Rented and billed together, however many of them are used."""
    region: str = Field(min_length=1, max_length=100)
    pricing_category: PricingCategory
    commitment_years: int | None = Field(default=None, ge=0, le=10)
    usd_per_unit: float = Field(ge=0, le=1_000_000)
    unit: Literal["accelerator_hour", "instance_hour", "gib_month", "gib"]
    valid_from: date
    source_url: str
    retrieved_on: date
    note: str = ""
    billing_increment_s: float = Field(default=1.0, gt=0, le=2_678_400)
    """Time is billed in whole increments."""
    billing_minimum_s: float = Field(default=0.0, ge=0, le=2_678_400)
    is_own: bool = False
    """From the team's own price file: it goes before what foretune ships."""

    @model_validator(mode="after")
    def _unit_of_resource(self) -> Self:
        if self.unit not in UNITS[self.resource]:
            raise ValueError(f"{self.resource} is priced by {' or '.join(UNITS[self.resource])}, not by {self.unit}")
        if self.unit == "instance_hour" and self.accelerators_per_instance is None:
            raise ValueError("a price by instance_hour needs accelerators_per_instance")
        if self.resource == "accelerator" and self.accelerator is None:
            raise ValueError("a price of resource accelerator needs its accelerator")
        return self

    @property
    def usd_per_accelerator_hour(self) -> float:
        """The price of one accelerator of an instance whose accelerators are all used."""
        return self.usd_per_unit / ((self.accelerators_per_instance or 1) if self.unit == "instance_hour" else 1)

    def usd_per_used_accelerator_hour(self, num_used: int) -> float:
        """Whole instances are billed: with 5 of 8 accelerators used, each used one costs 8/5 of the price."""
        each = self.accelerators_per_instance or 1
        num_billed = -(-num_used // each) * each
        return self.usd_per_accelerator_hour * num_billed / num_used

    @property
    def product(self) -> tuple[object, ...]:
        """What a newer price takes the place of."""
        return (
            self.resource,
            self.provider,
            self.instance_type,
            self.accelerator,
            self.region,
            self.pricing_category,
            self.commitment_years,
            self.is_own,
        )


class PriceBook(Frozen):
    """All known prices; ``at`` narrows it to those valid on a day."""

    prices: tuple[Price, ...]

    def at(self, day: date) -> "PriceBook":
        """The newest price of each product that was valid on ``day``.

        Where the team's own file prices an accelerator in a category, what foretune ships for both is left out.
        """
        newest: dict[tuple[object, ...], Price] = {}
        for price in sorted(self.prices, key=lambda p: p.valid_from):
            if price.valid_from <= day:
                newest[price.product] = price
        own = {(p.resource, p.accelerator, p.pricing_category) for p in newest.values() if p.is_own}
        kept = (p for p in newest.values() if p.is_own or (p.resource, p.accelerator, p.pricing_category) not in own)
        return PriceBook(prices=tuple(kept))

    def overridden_by(self, own: Iterable[Price]) -> "PriceBook":
        """This book and the team's own prices, which go first."""
        return PriceBook(
            prices=(*self.prices, *(price.model_copy(update={"is_own": True}) for price in own)),
        )

    def matching(
        self,
        resource: str,
        *,
        accelerator: str | None = None,
        provider: str | None = None,
        region: str | None = None,
        pricing_category: str | None = None,
        instance_type: str | None = None,
    ) -> tuple[Price, ...]:
        """Prices that fit every condition given, cheapest first."""
        conditions = {
            "accelerator": accelerator,
            "provider": provider,
            "region": region,
            "pricing_category": pricing_category,
            "instance_type": instance_type,
        }
        found: Iterable[Price] = (p for p in self.prices if p.resource == resource)
        for field, wanted in conditions.items():
            if wanted is not None:
                found = [p for p in found if getattr(p, field) == wanted]
        return tuple(sorted(found, key=lambda p: p.usd_per_accelerator_hour))

    def require(self, resource: str, *, on: date | None = None, **conditions: str | None) -> tuple[Price, ...]:
        """Like ``matching`` on a day (None: the newest), but an error with the nearest alternatives if nothing fits."""
        valid = self if on is None else self.at(on)
        found = valid.matching(resource, **conditions)
        if found:
            return found
        given = {name: value for name, value in conditions.items() if value is not None}
        asked = ", ".join(f"{name} {value}" for name, value in given.items())
        if on is not None and (later := self.matching(resource, **conditions)):
            first = min(price.valid_from for price in later)
            offer = f"the first one known is valid from {first}"
        else:
            offer = valid._nearest(resource, given)
        day = f" on {on}" if on is not None and on != date.max else ""
        raise MissingPriceError(
            f"no {resource} price for {asked or 'anything'}{day}: {offer}. Set cluster.usd_per_accelerator_hour, put a "
            f"price of your own under fleet, or a file of prices under prices in foretune.yaml"
        )

    def _nearest(self, resource: str, given: Mapping[str, str]) -> str:
        accelerator = given.get("accelerator")
        known = self.matching(resource, accelerator=accelerator)
        if not known:
            names = sorted({p.accelerator for p in self.prices if p.accelerator})
            near = get_close_matches(accelerator or "", names, n=3, cutoff=0.5)
            return "the price book has none for it" + (f", but for {', '.join(near)}" if near else "")

        def misses(price: Price) -> int:
            return sum(getattr(price, name) != value for name, value in given.items())

        offers: dict[str, None] = {}
        for price in sorted(known, key=misses):
            instance = f" {price.instance_type}" if "instance_type" in given else ""
            offers.setdefault(f"{price.provider} {price.region} {price.pricing_category}{instance}", None)
        return f"known for it: {'; '.join([*offers][:NEAREST_SHOWN])}"
