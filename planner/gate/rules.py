"""The gate's rules, one function each.

A limit that the median breaks blocks, one that only the 90th percentile breaks warns.
"""

from collections.abc import Iterator, Sequence

from planner.domain.estimate import Estimate, Quantiles
from planner.domain.programme import FleetPool, GatePolicy
from planner.domain.run_config import RunConfig
from planner.gate.decision import Reason, Rule
from planner.units import format_bytes, format_duration, format_usd


def memory(estimate: Estimate, policy: GatePolicy) -> Iterator[Reason]:
    probability = estimate.memory.fits_probability
    blocked = probability < policy.min_fits_probability
    if not blocked and probability >= policy.warn_fits_probability:
        return
    limit = policy.min_fits_probability if blocked else policy.warn_fits_probability
    device, usable = estimate.memory.peak_device_bytes, format_bytes(estimate.memory.usable_bytes)
    yield Reason(
        rule="memory",
        verdict="block" if blocked else "warn",
        value=probability,
        limit=limit,
        message=(
            f"fits with probability {probability:.0%}, {limit:.0%} wanted: device memory "
            f"{format_bytes(device.p50)} (p90 {format_bytes(device.p90)}) of {usable} on "
            f"{estimate.accelerator}; the largest share at the peak is {_largest(estimate)}"
        ),
    )


def _largest(estimate: Estimate) -> str:
    tenant, size_bytes = max(estimate.memory.peak.tenants_bytes.items(), key=lambda item: item[1])
    return f"{tenant.replace('_', ' ')} with {format_bytes(size_bytes)}"


def duration(estimate: Estimate, policy: GatePolicy) -> Iterator[Reason]:
    if policy.max_duration_s is not None:
        reason = _against_limit("duration", estimate.duration_s, policy.max_duration_s, "takes", format_duration)
        yield from reason


def run_budget(estimate: Estimate, limit_usd: float | None) -> Iterator[Reason]:
    if limit_usd is not None and estimate.cost_usd is not None:
        yield from _against_limit("run_budget", estimate.cost_usd, limit_usd, "costs", format_usd)


def monthly_budget(estimate: Estimate, remaining_usd: float | None) -> Iterator[Reason]:
    if remaining_usd is not None and estimate.cost_usd is not None:
        what = "left of the month's budget:"
        yield from _against_limit("monthly_budget", estimate.cost_usd, remaining_usd, "costs", format_usd, what)


def _against_limit(
    rule: Rule, expected: Quantiles, limit: float, verb: str, shown: object, what: str = "the limit is"
) -> Iterator[Reason]:
    text = shown if callable(shown) else str
    if expected.p90 <= limit:
        return
    blocked = expected.p50 > limit
    yield Reason(
        rule=rule,
        verdict="block" if blocked else "warn",
        value=expected.p50 if blocked else expected.p90,
        limit=limit,
        message=f"{verb} {text(expected.p50)} (p90 {text(expected.p90)}), {what} {text(limit)}",
    )


def fleet(config: RunConfig, pools: Sequence[FleetPool], policy: GatePolicy) -> Iterator[Reason]:
    cluster = config.cluster
    if cluster is None or not pools or not policy.require_fleet:
        return
    slug = cluster.accelerator.slug
    available = sum(pool.cluster.count for pool in pools if pool.cluster.accelerator.slug == slug)
    if cluster.count <= available:
        return
    has = ", ".join(f"{pool.cluster.count} x {pool.cluster.accelerator.slug}" for pool in pools)
    yield Reason(
        rule="fleet",
        verdict="block",
        value=float(cluster.count),
        limit=float(available),
        message=f"asks for {cluster.count} x {slug}; the fleet has {available} of them ({has})",
    )


def price(estimate: Estimate, limited: bool) -> Iterator[Reason]:
    if limited and estimate.cost_usd is None:
        why = estimate.notes[-1] if estimate.notes else "no price is known"  # the estimator notes it last
        yield Reason(rule="price", verdict="warn", value=None, limit=None, message=f"the cost cannot be checked: {why}")


def unknown_fields(estimate: Estimate, policy: GatePolicy) -> Iterator[Reason]:
    if policy.warn_on_unknown_fields and estimate.unknowns:
        names = ", ".join(estimate.unknowns)
        yield Reason(
            rule="unknown_fields",
            verdict="warn",
            value=float(len(estimate.unknowns)),
            limit=0.0,
            message=f"not stated, so the estimate spans every possibility: {names}",
        )
