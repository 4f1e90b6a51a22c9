"""Tables and headline figures of one run's estimate."""

from collections.abc import Callable, Iterator
from typing import get_args

from planner.domain.estimate import Correction, Estimate, Quantiles, Resource
from planner.report.page import Headline
from planner.report.quantities import QUANTITIES, format_factor, format_ratio, format_value, label
from planner.report.tables import Column, Table, number, table

_BREAKDOWNS = (
    ("Duration", "duration_breakdown_s", "duration_s"),
    ("Time of one step", "step_time_breakdown_s", "duration_s"),
    ("Storage", "storage_breakdown_bytes", "storage_bytes"),
    ("Network traffic", "network_breakdown_bytes", "network_bytes"),
    ("Cost", "cost_breakdown_usd", "cost_usd"),
)
"""Caption, field of ``Estimate`` and the resource whose unit it has."""


def needs(estimate: Estimate) -> dict[str, Quantiles]:
    """Quantiles by name of the resource, in the order of pages; resources that are unknown are left out."""
    extra = {
        "accelerator_hours": estimate.accelerator_hours,
        "storage_bytes": estimate.storage_bytes,
        "energy_j": estimate.energy_j,
        "co2e_g": estimate.co2e_g,
    }
    found = {resource: estimate.quantiles(resource) for resource in get_args(Resource)} | extra
    return {name: quantiles for name in QUANTITIES if (quantiles := found.get(name)) is not None}


def headlines(estimate: Estimate) -> tuple[Headline, ...]:
    """What decides whether to start the run."""
    usable = format_value("peak_device_bytes", estimate.memory.usable_bytes)
    fits = Headline(
        label="Fits into memory", value_text=format_ratio(estimate.memory.fits_probability), note=f"{usable} usable"
    )
    expected = needs(estimate)
    shown = ("peak_device_bytes", "duration_s", "accelerator_hours", "cost_usd", "storage_bytes")
    return fits, *(_headline(name, expected.get(name)) for name in shown)


def _headline(name: str, quantiles: Quantiles | None) -> Headline:
    if quantiles is None:
        return Headline(label=label(name), value_text="unknown", note="see what it rests on")
    low, high = format_value(name, quantiles.p10), format_value(name, quantiles.p90)
    note = f"{low} to {high}" if low != high else ""
    return Headline(label=label(name), value_text=format_value(name, quantiles.p50), note=note)


def quantiles_table(estimate: Estimate) -> Table:
    columns: dict[Column, Callable[[tuple[str, Quantiles]], str]] = {
        Column("Resource"): lambda row: label(row[0]),
        number("Low (10th percentile)"): lambda row: format_value(row[0], row[1].p10),
        number("Median"): lambda row: format_value(row[0], row[1].p50),
        number("High (90th percentile)"): lambda row: format_value(row[0], row[1].p90),
    }
    return table("Expected needs", list(needs(estimate).items()), columns)


def timeline_table(estimate: Estimate) -> Table:
    """Tenants of the memory by moment of the step, the largest at the peak first."""
    timeline = estimate.memory.timeline
    peak = estimate.memory.peak.tenants_bytes
    tenants = dict.fromkeys(tenant for moment in timeline for tenant in moment.tenants_bytes)
    ranked = sorted(tenants, key=lambda tenant: -peak.get(tenant, 0.0))

    def shown(size_bytes: float) -> str:
        return format_value("peak_device_bytes", size_bytes) if size_bytes else ""

    rows = [(_words(name), *(shown(m.tenants_bytes.get(name, 0.0)) for m in timeline)) for name in ranked]
    rows.append(("together", *(shown(moment.total_bytes) for moment in timeline)))
    columns = (Column("Held by"), *(number(moment.name) for moment in timeline))
    return Table("Memory of one accelerator, by moment of a step, physics alone", columns, tuple(rows))


def breakdown_tables(estimate: Estimate) -> tuple[Table, ...]:
    """Where time, bytes and money go; a breakdown without parts is left out."""
    found = []
    for caption, field, resource in _BREAKDOWNS:
        parts: dict[str, float] = getattr(estimate, field)
        rows = [(_words(name), format_value(resource, value)) for name, value in _largest_first(parts) if value]
        if rows:
            found.append(Table(caption, (Column("Part"), number("Median")), tuple(rows)))
    return (*found, *_operated(estimate))


def _operated(estimate: Estimate) -> Iterator[Table]:
    """What storage and network must provide; a table without rows is left out."""
    kept = [
        (f"month {span.first_month} to {span.last_month}", format_value("storage_bytes", span.size_bytes))
        for span in estimate.storage_months
    ]
    if estimate.working_storage_bytes is not None:
        kept.insert(0, ("fast, while it runs", format_value("storage_bytes", estimate.working_storage_bytes)))
    if kept:
        yield Table("Storage by month after the run", (Column("When"), number("Held")), tuple(kept))
    rates = []
    if advice := estimate.checkpoint_advice:
        rates.append(("storage takes in checkpoints", f"{format_value('storage_bytes', advice.needed_bytes_per_s)}/s"))
        rates.append(("in writes of 1 MiB", f"{advice.needed_iops:,.0f} a second"))
    if estimate.inter_node_link_bytes_per_s is not None:
        sent, carried = estimate.inter_node_bytes_per_s, estimate.inter_node_link_bytes_per_s
        rates.append(("each accelerator sends to other nodes", f"{format_value('network_bytes', sent)}/s"))
        rates.append(("its share of the network carries", f"{format_value('network_bytes', carried)}/s"))
    if rates:
        yield Table("Rates needed", (Column("What"), number("Rate")), tuple(rates))


def _largest_first(parts: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(parts.items(), key=lambda part: -part[1])


def corrections_table(estimate: Estimate) -> Table:
    columns: dict[Column, Callable[[Correction], str]] = {
        Column("Resource"): lambda row: label(row.resource),
        Column("Learnt from"): lambda row: row.group,
        number("Runs"): lambda row: f"{row.num_runs:,}",
        number("Correction"): lambda row: format_factor(row.factor),
    }
    return table("Corrections that past runs made", estimate.provenance.corrections, columns)


def _words(name: str) -> str:
    return name.replace("_", " ")
