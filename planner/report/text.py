"""Estimates and decisions as text for a terminal."""

from rich.console import Console
from rich.table import Table

from planner.domain.estimate import Estimate, Quantiles
from planner.domain.run_config import RunConfig
from planner.gate.decision import GateDecision
from planner.report.terminal_tables import plain, print_table
from planner.units import GIB, format_bytes, format_count, format_duration, format_energy, format_mass, format_usd

VERDICT_STYLE = {"allow": "bold green", "warn": "bold yellow", "block": "bold red"}


def print_estimate(config: RunConfig, estimate: Estimate) -> None:
    """One run's estimate: headline figures, memory timeline, where time and money go, what it rests on."""
    console = Console(soft_wrap=True)
    console.print(f"[bold]{plain(config.name)}[/]: {_what(config, estimate)}")
    print_table(_headlines(estimate))
    print_table(_memory_table(estimate))
    for title, breakdown, show in (
        ("duration", estimate.duration_breakdown_s, format_duration),
        ("step time", estimate.step_time_breakdown_s, format_duration),
        ("storage", estimate.storage_breakdown_bytes, format_bytes),
        ("network", estimate.network_breakdown_bytes, format_bytes),
        ("cost", estimate.cost_breakdown_usd, format_usd),
    ):
        parts = ", ".join(
            f"{name.replace('_', ' ')} {show(value)}" for name, value in _largest_first(breakdown) if value
        )
        if parts:
            console.print(f"{title}: {parts}")
    console.print(
        f"work: {format_count(estimate.steps)} steps, {format_count(estimate.train_tokens)} tokens, "
        f"{estimate.flop:.3g} FLOP; bottleneck {estimate.bottleneck.replace('_', ' ')}, MFU {estimate.mfu:.0%}"
    )
    if estimate.inter_node_bytes_per_s:
        console.print(
            f"between nodes: {format_bytes(estimate.inter_node_bytes_per_s)}/s from each accelerator while training"
            f"{_of_link(estimate)}"
        )
    console.print(_storage_words(estimate))
    if advice := estimate.checkpoint_advice:
        every = f"every {advice.best_every_steps:,} steps" if advice.best_every_steps else "once, at the end,"
        console.print(
            f"checkpoints: {every} lose least against {advice.expected_interruptions:.2g} expected interruptions; "
            f"as planned storage needs {format_bytes(advice.needed_bytes_per_s)}/s, "
            f"{advice.needed_iops:,.0f} writes of 1 MiB a second"
        )
    if estimate.unknowns:
        console.print(f"[yellow]not stated, so the figures span every possibility:[/] {', '.join(estimate.unknowns)}")
    for note in estimate.notes:
        console.print(f"note: {plain(note)}")
    console.print(_provenance(estimate))


def _of_link(estimate: Estimate) -> str:
    """Traffic of one step, and against what the link carries."""
    link, step_s = estimate.inter_node_link_bytes_per_s, sum(estimate.step_time_breakdown_s.values())
    if link is None:
        return ""
    of_step = format_bytes(estimate.inter_node_bytes_per_s * step_s)
    return f", {of_step} a step: {estimate.inter_node_bytes_per_s / link:.0%} of {format_bytes(link)}/s"


def _storage_words(estimate: Estimate) -> str:
    parts = []
    if estimate.working_storage_bytes is not None:
        parts.append(f"{format_bytes(estimate.working_storage_bytes)} of fast storage while it runs")
    for span in estimate.storage_months:
        months = f"month {span.first_month}"
        if span.last_month > span.first_month:
            months = f"months {span.first_month} to {span.last_month}"
        parts.append(f"{months} {format_bytes(span.size_bytes)}")
    return f"kept: {', '.join(parts)}" if parts else "kept: nothing after the run"


def _what(config: RunConfig, estimate: Estimate) -> str:
    model = plain(config.model.name) if config.model else "unknown model"
    trained = f"{format_count(estimate.trainable_params)} of {format_count(estimate.params)} parameters trained"
    method = config.method or "unknown method"
    return f"{method} of {model} ({trained}) on {estimate.num_accelerators} x {plain(estimate.accelerator)}"


def _headlines(estimate: Estimate) -> Table:
    table = Table("", "p10", "p50", "p90", box=None, pad_edge=False)
    memory = estimate.memory
    rows: list[tuple[str, Quantiles | None, object]] = [
        ("peak memory allocated", memory.peak_allocated_bytes, format_bytes),
        ("peak memory reserved", memory.peak_reserved_bytes, format_bytes),
        ("peak memory device", memory.peak_device_bytes, format_bytes),
        ("host memory", memory.host_peak_bytes, format_bytes),
        ("tokens/s per accelerator", estimate.tokens_per_s_per_accelerator, _number),
        ("duration", estimate.duration_s, format_duration),
        ("accelerator-hours", estimate.accelerator_hours, _number),
        ("storage", estimate.storage_bytes, format_bytes),
        ("network", estimate.network_bytes, format_bytes),
        ("cost", estimate.cost_usd, format_usd),
        ("energy", estimate.energy_j, format_energy),
        ("CO2e", estimate.co2e_g, format_mass),
    ]
    for label, quantiles, show in rows:
        if quantiles is not None and callable(show):
            table.add_row(label, *(show(value) for value in (quantiles.p10, quantiles.p50, quantiles.p90)))
    for column in table.columns[1:]:
        column.justify = "right"
    fits = memory.fits_probability
    style = "green" if fits >= 0.9 else "red"
    table.add_row("fits", "", f"[{style}]{fits:.0%}[/]", f"of {format_bytes(memory.usable_bytes)}")
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _memory_table(estimate: Estimate) -> Table:
    moments = estimate.memory.timeline
    peak = estimate.memory.peak
    table = Table(
        "memory, GiB", *(f"[bold]{m.name}*[/]" if m is peak else m.name for m in moments), box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    tenants = dict.fromkeys(name for moment in moments for name, size in moment.tenants_bytes.items() if size)
    for tenant in tenants:
        sizes = (moment.tenants_bytes.get(tenant, 0.0) for moment in moments)
        table.add_row(tenant.replace("_", " "), *(f"{size / GIB:.2f}" if size else "" for size in sizes))
    table.add_row("[bold]total (* peak)[/]", *(f"[bold]{moment.total_bytes / GIB:.2f}[/]" for moment in moments))
    return table


def _largest_first(breakdown: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(breakdown.items(), key=lambda item: -item[1])


def _provenance(estimate: Estimate) -> str:
    provenance = estimate.provenance
    if not provenance.corrections:
        return f"from physics alone ({provenance.prior}); own runs would narrow it"
    learnt = (
        f"{c.resource.removesuffix('_bytes').removesuffix('_s').replace('_', ' ')} x {c.factor:.2f} ({c.num_runs} runs)"
        for c in provenance.corrections
    )
    return f"physics {provenance.prior}, calibration {provenance.calibration_id}: " + ", ".join(learnt)


def print_decision(decision: GateDecision) -> None:
    """The verdict with every reason and, for a blocked run, what would help."""
    console = Console(soft_wrap=True)
    estimate = decision.estimate
    console.print(
        f"[{VERDICT_STYLE[decision.verdict]}]{decision.verdict.upper()}[/] {plain(decision.name)}: "
        f"device memory {format_bytes(estimate.memory.peak_device_bytes.p50)} of "
        f"{format_bytes(estimate.memory.usable_bytes)}, {format_duration(estimate.duration_s.p50)}"
        + (f", {format_usd(estimate.cost_usd.p50)}" if estimate.cost_usd else ", cost unknown")
        + f" on {estimate.num_accelerators} x {plain(estimate.accelerator)}"
    )
    for reason in decision.reasons:
        console.print(f"  [{VERDICT_STYLE[reason.verdict]}]{reason.verdict}[/] {reason.rule}: {plain(reason.message)}")
    for change in decision.way_out:
        console.print(f"  [green]would pass with[/] {plain(change)}")
