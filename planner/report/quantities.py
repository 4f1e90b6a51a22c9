"""How each resource is named and written for people: the label, the unit of an axis, the text of a cell."""

import math
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from planner import units
from planner.units import DAY_S, GIB, HOUR_S, KILO, KWH_J, MIB, MINUTE_S

Kind = Literal["bytes", "duration", "usd", "hours", "rate", "count", "energy", "mass"]


class Quantity(NamedTuple):
    """A resource for people."""

    label: str
    kind: Kind


class AxisUnit(NamedTuple):
    """The unit of an axis and how many base units it holds."""

    name: str
    scale: float


QUANTITIES: dict[str, Quantity] = {
    "cost_usd": Quantity("Cost", "usd"),
    "accelerator_hours": Quantity("Accelerator-hours", "hours"),
    "peak_accelerators": Quantity("Accelerators in use at the peak", "count"),
    "runs": Quantity("Runs", "count"),
    "storage_bytes": Quantity("Storage", "bytes"),
    "network_bytes": Quantity("Network traffic", "bytes"),
    "peak_allocated_bytes": Quantity("Peak memory, allocated", "bytes"),
    "peak_reserved_bytes": Quantity("Peak memory, reserved", "bytes"),
    "peak_device_bytes": Quantity("Peak memory, device", "bytes"),
    "host_peak_bytes": Quantity("Peak memory, host", "bytes"),
    "tokens_per_s_per_accelerator": Quantity("Throughput", "rate"),
    "start_up_s": Quantity("Start-up time", "duration"),
    "duration_s": Quantity("Duration", "duration"),
    "checkpoint_s": Quantity("Checkpoint time", "duration"),
    "checkpoint_bytes": Quantity("Checkpoint size", "bytes"),
    "energy_j": Quantity("Energy", "energy"),
    "co2e_g": Quantity("Greenhouse gases (CO2e)", "mass"),
}
"""By name, in the order in which pages show them."""

_UNITS: dict[Kind, tuple[AxisUnit, ...]] = {
    "bytes": (AxisUnit("TiB", 1024 * GIB), AxisUnit("GiB", GIB), AxisUnit("MiB", MIB)),
    "duration": (
        AxisUnit("days", DAY_S),
        AxisUnit("hours", HOUR_S),
        AxisUnit("minutes", MINUTE_S),
        AxisUnit("seconds", 1),
    ),
    "usd": (AxisUnit("million USD", 1e6), AxisUnit("thousand USD", 1e3), AxisUnit("USD", 1)),
    "hours": (AxisUnit("thousand accelerator-hours", 1e3), AxisUnit("accelerator-hours", 1)),
    "rate": (AxisUnit("tokens per second per accelerator", 1),),
    "count": (AxisUnit("count", 1),),
    "energy": (AxisUnit("kWh", KWH_J),),
    "mass": (AxisUnit("kg", KILO),),
}
_FORMATS: dict[Kind, Callable[[float], str]] = {
    "bytes": units.format_bytes,
    "duration": units.format_duration,
    "usd": units.format_usd,
    "energy": units.format_energy,
    "mass": units.format_mass,
}
_LARGEST_AT_LEAST = {"days": 3.0, "thousand USD": 20.0, "thousand accelerator-hours": 20.0}


def label(resource: str) -> str:
    """The resource's name for people: ``label('peak_device_bytes')`` is ``'Peak memory, device'``."""
    return QUANTITIES[resource].label


def axis_unit(resource: str, values: Iterable[float]) -> AxisUnit:
    """The unit in which the largest of ``values`` (base units) is easy to read."""
    units = _UNITS[QUANTITIES[resource].kind]
    largest = max((abs(value) for value in values), default=0.0)
    fitting = (unit for unit in units if largest >= unit.scale * _LARGEST_AT_LEAST.get(unit.name, 1.0))
    return next(fitting, units[-1])


def format_value(resource: str, value: float | None) -> str:
    """A value in base units as text; 'unknown' where there is none."""
    if value is None:
        return "unknown"
    kind = QUANTITIES[resource].kind
    if kind in _FORMATS:
        return _FORMATS[kind](value)
    text = f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.3g}"
    return {"hours": f"{text} h", "rate": f"{text} tokens/s"}.get(kind, text)


def format_ratio(ratio: float | None) -> str:
    """A ratio as a percentage, never rounded up to 100 %; 'unknown' where there is none."""
    if ratio is None:
        return "unknown"
    if 0.995 <= ratio < 1:
        return "> 99 %"
    return f"{ratio * 100:.1f} %" if abs(ratio) < 0.095 else f"{ratio * 100:.0f} %"


def format_log_factor(log_ratio: float | None) -> str:
    """The natural logarithm of a ratio as a factor: ``format_log_factor(0.0)`` is ``'x 1.00'``."""
    return "unknown" if log_ratio is None else format_factor(math.exp(log_ratio))


def format_factor(factor: float | None) -> str:
    """A factor as text: ``format_factor(1.5)`` is ``'x 1.50'``."""
    return "unknown" if factor is None else f"x {factor:,.2f}" if factor < 100 else f"x {factor:,.0f}"


def in_page_order(resources: Iterable[str]) -> list[str]:
    """Each resource once, in the order in which pages show them."""
    found = set(resources)
    return [name for name in QUANTITIES if name in found]
