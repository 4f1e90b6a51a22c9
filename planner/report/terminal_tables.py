"""Tables for a terminal, from the rows of marts and catalogs."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from planner.catalog.load import Catalog
from planner.units import GB, GIGA, TERA, format_bytes, format_count, format_duration, format_usd

Rows = Iterable[Mapping[str, Any]]

WIDEST_TABLE = 2000


def printable(text: str) -> str:
    """A name for the terminal: control characters in it do not count, so it cannot forge a line."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def plain(text: str) -> str:
    """A name in a table for the terminal: neither markup nor control characters in it count."""
    return escape(printable(text))


def print_table(table: Table) -> None:
    """Prints a table at its natural width: no cell is cut or folded, however narrow the terminal."""
    console = Console()
    if not table.row_count:
        console.print("none")
        return
    unbounded = console.options.update(width=WIDEST_TABLE)
    console.width = max(console.width, Measurement.get(console, unbounded, table).maximum)
    console.print(table)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


FORECAST_UNITS = {
    "runs": ("runs", 1.0),
    "accelerator_hours": ("accel.-\nhours", 1.0),
    "peak_accelerators": ("peak\naccel.", 1.0),
    "storage_bytes": ("storage,\nGB", GB),
    "network_bytes": ("network,\nGB", GB),
    "cost_usd": ("cost,\nUSD", 1.0),
}


def forecast_table(rows: Rows) -> Table:
    """p50 (p10-p90) by week for the whole programme, from rows of ``weekly_forecast``."""
    weeks: dict[str, dict[str, str]] = {}
    for row in rows:
        resource = str(row["resource"])
        if row["programme"] == "all" and resource in FORECAST_UNITS:
            scale = FORECAST_UNITS[resource][1]
            p10, p50, p90 = (row[level] / scale for level in ("p10", "p50", "p90"))
            weeks.setdefault(str(row["week_start"]), {})[resource] = f"{_short(p50)} ({_short(p10)}-{_short(p90)})"
    table = Table(
        "week", *(label for label, _ in FORECAST_UNITS.values()), box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for column in table.columns:
        column.justify, column.no_wrap = "right", True
    for week in sorted(weeks):
        table.add_row(
            f"{date.fromisoformat(week):%d %b}", *(weeks[week].get(resource, "") for resource in FORECAST_UNITS)
        )
    return table


def catalog_table(catalog: Catalog, kind: str, contains: str) -> Table:
    """Hardware, models or prices whose name contains a text."""
    if kind in ("cpus", "instances"):
        return (_cpu_table if kind == "cpus" else _instance_table)(catalog, contains)
    if kind == "accelerators":
        table = Table("name", "memory", "bandwidth, TB/s", "bf16, TFLOP/s", "facts", box=None, pad_edge=False)
        for slug, device in catalog.accelerators.items():
            if contains in slug:
                peak = device.peak_flop_per_s.get("bf16")
                table.add_row(
                    slug,
                    format_bytes(device.memory_bytes),
                    f"{device.memory_bandwidth_bytes_per_s / TERA:.2f}",
                    f"{peak / TERA:,.0f}" if peak else "",
                    device.confidence,
                )
    elif kind == "models":
        table = Table(
            "name", "parameters", "layers", "hidden", "heads", "kv heads", "vocabulary", box=None, pad_edge=False
        )
        for name, model in catalog.models.items():
            if contains in name:
                shape = (model.num_layers, model.hidden_dim, model.num_heads, model.num_kv_heads, model.vocab_size)
                table.add_row(name, format_count(model.published_params or 0), *map(str, shape))
    else:
        table = Table(
            "product", "provider", "region", "category", "USD", "unit", "valid from", box=None, pad_edge=False
        )
        for price in catalog.prices.prices:
            product = price.accelerator or price.resource
            if contains in product:
                where = (price.provider, price.region, price.pricing_category)
                table.add_row(product, *where, f"{price.usd_per_unit:.4g}", price.unit, str(price.valid_from))
    return table


def _cpu_table(catalog: Catalog, contains: str) -> Table:
    table = Table("name", "cores", "vector, bit", "memory, GB/s", "fp32, TFLOP/s", "facts", box=None, pad_edge=False)
    for slug, cpu in catalog.cpus.items():
        if contains in slug:
            peak, bandwidth = cpu.peak_flop_per_s["fp32"], cpu.memory_bandwidth_bytes_per_s
            shape = (str(cpu.cores), str(cpu.vector_bits), f"{bandwidth / GB:.0f}", f"{peak / TERA:.2f}")
            table.add_row(slug, *shape, cpu.confidence)
    return table


def _instance_table(catalog: Catalog, contains: str) -> Table:
    table = Table(
        "provider", "instance", "accelerators", "vCPUs", "memory", "network, Gbit/s", "facts", box=None, pad_edge=False
    )
    for instance in catalog.instances:
        if contains in f"{instance.provider} {instance.instance_type} {instance.accelerator}".lower():
            network = instance.network_bytes_per_s
            table.add_row(
                instance.provider,
                instance.instance_type,
                f"{instance.num_accelerators} x {instance.accelerator}",
                str(instance.vcpus),
                format_bytes(instance.host_memory_bytes),
                f"{network * 8 / GIGA:,.0f}" if network else "",
                instance.confidence,
            )
    return table


def drift_table(rows: Rows) -> Table:
    """Groups by how near they are to the alarm limit, from rows of ``drift_status``."""
    table = Table(
        "drift", "id", "resource", "group", "runs", "statistic / limit", "since", "factor", "moved",
        box=None, pad_edge=False,
    )  # fmt: skip
    style = {"open": "bold red", "acknowledged": "yellow", "closed": "green", "ok": "green", "too_few_runs": "dim"}
    for row in rows:
        statistic, since, factor = row["statistic"], row["since"], row["factor"]
        shown = str(row["stage"] or row["state"])
        table.add_row(
            f"[{style[shown]}]{shown}[/]",
            str(row["drift_id"] or ""),
            str(row["resource"]),
            plain(str(row["group"])),
            str(row["num_runs"]),
            "" if statistic is None else f"{statistic:.1f} / {row['limit']:.1f}",
            "" if since is None else f"{since:%Y-%m-%d}",
            "" if factor is None else f"{factor:.2f}",
            plain(str(row["moved"] or "")),
        )
    return table


def history_table(rows: Rows) -> Table:
    """Past runs, newest first, from rows of ``run_history``."""
    names = ("started", "experiment", "run", "status", "what", "took", "tokens/s", "device memory", "list cost")
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        hardware = f"{row['num_accelerators'] or '?'} x {row['accelerator'] or 'unknown'}"
        table.add_row(
            f"{row['started_at']:%Y-%m-%d}" if row["started_at"] else "",
            plain(row["experiment"]),
            plain(row["run_name"]),
            row["status"].lower(),
            plain(f"{row['method'] or 'unknown'} {row['model'] or 'unknown'} on {hardware}"),
            _shown(row["duration_s"], format_duration),
            _shown(row["tokens_per_s_per_accelerator"], _short),
            _shown(row["peak_device_bytes"], format_bytes),
            _shown(row["list_cost_usd"], format_usd),
        )
    return table


def unread_table(rows: Rows) -> Table:
    """Runs that could not be estimated and why, from rows of ``unread_runs``."""
    table = Table("experiment", "run", "status", "reason", box=None, pad_edge=False)
    for row in rows:
        table.add_row(plain(row["experiment"]), plain(row["run_name"]), row["status"].lower(), plain(row["reason"]))
    return table


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return "" if value is None else show(value)
