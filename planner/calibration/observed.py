"""What is learnt from: log ratios of past runs with what may explain them, and runs that only tell a bound."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, get_args

from planner.calibration.intervals import beyond
from planner.calibration.residuals import Residual
from planner.calibration.terms import terms_of
from planner.calibration.traits import Traits, traits_of
from planner.domain.estimate import Z_P90, Estimate, Resource
from planner.domain.training_run import TrainingRun

BESIDE_TIME: tuple[Resource, ...] = ("cost_usd", "energy_j")
"""Products of time and something else: a price, a power."""
PEAKS: tuple[Resource, ...] = (
    "peak_allocated_bytes",
    "peak_reserved_bytes",
    "peak_device_bytes",
    "host_peak_bytes",
)


class Observed(NamedTuple):
    """One resource of one past run."""

    run_id: str
    resource: Resource
    ended_at: datetime
    traits: Traits
    terms: Mapping[str, float]
    log_ratio: float
    """ln(actual / estimate); of a bound: what it was at least."""
    estimate_log_sd: float
    """Spread that the physics gave."""
    is_bound: bool = False


class Facts(NamedTuple):
    """What a residual does not hold of its run."""

    traits: Traits
    estimate: Estimate


def observed(residuals: Iterable[Residual], facts: Mapping[str, Facts]) -> list[Observed]:
    """Residuals with the facts of their runs; a run without facts has its nested groups alone.

    Of cost and energy only what their run's time does not explain is learnt from: time is corrected by itself.
    """
    rows = list(residuals)
    durations = {row.run_id: row for row in rows if row.resource == "duration_s"}
    found = []
    for residual in rows:
        known = facts.get(residual.run_id)
        log_ratio = residual.log_ratio
        log_sd = estimate_log_sd(residual.estimate_p10, residual.estimate_p50, residual.estimate_p90)
        time = durations.get(residual.run_id)
        if residual.resource in BESIDE_TIME and time is not None:
            log_ratio -= time.log_ratio
            log_sd = beyond(log_sd, estimate_log_sd(time.estimate_p10, time.estimate_p50, time.estimate_p90))
        found.append(
            Observed(
                residual.run_id,
                residual.resource,
                residual.ended_at,
                known.traits if known else Traits(groups=residual.groups),
                terms_of(known.estimate, residual.resource) if known else {},
                log_ratio,
                log_sd,
            )
        )
    return found


def bounds_of(run: TrainingRun, estimate: Estimate) -> tuple[Observed, ...]:
    """What a failed or killed run says: it would have needed at least the time it took and the memory it held.

    One that ran out of memory needed more than the accelerator has.
    """
    if run.status not in ("FAILED", "KILLED") or run.ended_at is None:
        return ()
    least: dict[Resource, float | None] = {name: getattr(run.actual, name) for name in PEAKS}
    least["duration_s"] = run.actual.duration_s
    device, usable = run.actual.peak_device_bytes, estimate.memory.usable_bytes
    if run.failure == "oom":
        least["peak_device_bytes"] = max(usable, device or 0.0)
    traits = traits_of(run.config, run.experiment)
    found = []
    for resource in get_args(Resource):
        actual, expected = least.get(resource), estimate.quantiles(resource)
        if actual is None or actual <= 0 or expected is None or expected.p50 <= 0:
            continue
        found.append(
            Observed(
                run.run_id,
                resource,
                run.ended_at,
                traits,
                terms_of(estimate, resource),
                math.log(actual / expected.p50),
                estimate_log_sd(expected.p10, expected.p50, expected.p90),
                is_bound=True,
            )
        )
    return tuple(found)


def estimate_log_sd(p10: float, p50: float, p90: float) -> float:
    """Both sides together; a p10 of 0 has no logarithm, the upper side then stands for both."""
    upper = math.log(p90 / p50)
    lower = math.log(p50 / p10) if p10 > 0 else upper
    return (lower + upper) / (2 * Z_P90)
