"""Units: one base unit per quantity inside (bytes, seconds, FLOP, USD), people's units only at the edges."""

import re
from decimal import Decimal

KIB = 1024
MIB = 1024**2
GIB = 1024**3
MB = 1e6
GB = 1e9
KILO = 1e3
MEGA = 1e6
GIGA = 1e9
TERA = 1e12
MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
MONTH_S = 365.25 / 12 * DAY_S
KWH_J = KILO * HOUR_S


def format_bytes(size_bytes: float) -> str:
    """Bytes for people, in binary units: ``format_bytes(3 * GIB)`` is ``'3.0 GiB'``."""
    for unit, scale in (("TiB", GIB * 1024), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if abs(size_bytes) >= scale:
            return f"{size_bytes / scale:,.1f} {unit}"
    return f"{size_bytes:.0f} B"


def format_duration(duration_s: float) -> str:
    """Seconds for people: ``format_duration(5400)`` is ``'1.5 h'``."""
    for unit, scale in (("d", 2 * DAY_S), ("h", HOUR_S), ("min", MINUTE_S)):
        if abs(duration_s) >= scale:
            return f"{duration_s / (DAY_S if unit == 'd' else scale):,.1f} {unit}"
    return f"{duration_s:.3g} s"


def in_cents(amount_usd: float | Decimal) -> Decimal:
    """Dollars as they are paid: ``in_cents(0.125)`` is ``Decimal('0.12')``; half a cent goes to the even one."""
    exact = amount_usd if isinstance(amount_usd, Decimal) else Decimal(repr(float(amount_usd)))
    return exact.quantize(Decimal("0.01")) + 0


DURATION_UNITS = {
    "s": 1.0, "sec": 1.0, "m": MINUTE_S, "min": MINUTE_S, "h": HOUR_S, "d": DAY_S, "w": WEEK_S
}  # fmt: skip


def parse_duration(text: str) -> float:
    """Seconds of a duration as people write it: ``parse_duration('1d 12h')`` is ``129600.0``.

    Raises ``ValueError`` where it is none, or not above 0.
    """
    parts = re.findall(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)", text.lower())
    whole = "".join(f"{number}{unit}" for number, unit in parts)
    if not parts or whole != re.sub(r"\s+", "", text.lower()) or any(unit not in DURATION_UNITS for _, unit in parts):
        raise ValueError(f"{text!r:.100} is no duration: write 12h, 90min, 2d or 1d 12h")
    seconds = sum(float(number) * DURATION_UNITS[unit] for number, unit in parts)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{text!r:.100}: a duration must be above 0")
    return seconds


def format_usd(amount_usd: float) -> str:
    """Dollars for people: cents under 100 USD, whole dollars above."""
    return f"{in_cents(amount_usd):,.2f} USD" if abs(amount_usd) < 100 else f"{amount_usd:,.0f} USD"


def format_count(count: float) -> str:
    """A count with a decimal prefix: ``format_count(8.03e9)`` is ``'8.03 B'``."""
    for unit, scale in (("T", TERA), ("B", GIGA), ("M", MEGA), ("k", KILO)):
        if abs(count) >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.3g}"


def format_energy(energy_j: float) -> str:
    """Joules for people: ``format_energy(7.2e6)`` is ``'2.00 kWh'``."""
    kwh = energy_j / KWH_J
    return f"{kwh:,.2f} kWh" if abs(kwh) < 100 else f"{kwh:,.0f} kWh"


def format_mass(mass_g: float) -> str:
    """Grams for people: ``format_mass(1500)`` is ``'1.50 kg'``."""
    kg = mass_g / KILO
    return f"{kg:,.2f} kg" if abs(kg) < 100 else f"{kg:,.0f} kg"
