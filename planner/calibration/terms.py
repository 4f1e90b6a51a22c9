"""Shares of the physics' terms in a figure: where the data allow, a term is corrected rather than the whole."""

from collections.abc import Mapping

from planner.domain.estimate import Estimate, Resource

MIN_SHARE = 0.05


def terms_of(estimate: Estimate, resource: Resource) -> dict[str, float]:
    """Change of ln(figure) for a change of each term's ln, in ratios; smaller ones than ``MIN_SHARE`` are left out.

    A speed falls where a term of the step takes longer: its shares are below 0. Empty where the figure has one term.
    """
    if resource == "tokens_per_s_per_accelerator":
        return _shares(estimate.step_time_breakdown_s, -1.0)
    if resource == "peak_allocated_bytes":
        return _shares(estimate.memory.peak.tenants_bytes, 1.0)
    if resource in ("peak_reserved_bytes", "peak_device_bytes"):
        memory = estimate.memory
        allocated, reserved = memory.peak_allocated_bytes.p50, memory.peak_reserved_bytes.p50
        parts = dict(memory.peak.tenants_bytes)
        parts["allocator reserve"] = max(reserved - allocated, 0.0)
        if resource == "peak_device_bytes":
            parts["context"] = max(memory.peak_device_bytes.p50 - reserved, 0.0)
        return _shares(parts, 1.0)
    if resource == "duration_s":
        return _shares(estimate.duration_breakdown_s, 1.0)
    if resource == "network_bytes":
        return _shares(estimate.network_breakdown_bytes, 1.0)
    return {}


def _shares(parts: Mapping[str, float], sign: float) -> dict[str, float]:
    whole = sum(parts.values())
    if whole <= 0:
        return {}
    return {name: sign * part / whole for name, part in parts.items() if part / whole >= MIN_SHARE}
