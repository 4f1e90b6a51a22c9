"""What accelerators of one's own cost and draw."""

from pydantic import Field

from planner.domain import Frozen
from planner.units import HOUR_S, MONTH_S

YEAR_S = 12 * MONTH_S


class Power(Frozen):
    """Where the electricity comes from, and how much of it. None: unknown."""

    power_w: float | None = Field(default=None, gt=0, le=100_000)
    """Mean draw of one accelerator with its share of the host while it trains; None: estimated from its data sheet."""
    pue_ratio: float | None = Field(default=None, ge=1, le=4)
    """Draw of the building over draw of the computers; None: what the building adds is left out."""
    co2e_g_per_kwh: float | None = Field(default=None, ge=0, le=2000)
    """Carbon intensity of the grid, from your provider or your country's operator."""


class OwnedPrice(Frozen):
    """An accelerator that was bought: each figure is for one of them with its share of host, rack and network."""

    capital_usd: float = Field(ge=0, le=10_000_000)
    amortisation_years: float = Field(gt=0, le=30)
    usd_per_kwh: float = Field(ge=0, le=10)
    space_usd_per_month: float = Field(default=0.0, ge=0, le=1_000_000)
    """Rack, cooling, hands: whatever is paid by the month."""
    utilisation_ratio: float = Field(gt=0, le=1)
    """Hours in use over all hours: idle hours are paid by those in use."""

    @property
    def capital_usd_per_hour(self) -> float:
        """Of one hour in use: capital / (years x hours of a year x utilisation)."""
        return self.capital_usd / (self.amortisation_years * YEAR_S / HOUR_S * self.utilisation_ratio)

    @property
    def space_usd_per_hour(self) -> float:
        return self.space_usd_per_month / (MONTH_S / HOUR_S * self.utilisation_ratio)
