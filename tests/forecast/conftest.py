"""Estimates and cadences as simple as a forecast needs them."""

import math
from collections.abc import Callable
from statistics import NormalDist

import pytest

from planner.calibration.cadence import Cadence
from planner.calibration.posteriors import Beta, Gamma, Normal
from planner.domain.estimate import Z_P90, Correction, Estimate, MemoryEstimate, Moment, Provenance, Quantiles

EstimateMaker = Callable[..., Estimate]
CadenceMaker = Callable[..., Cadence]
CERTAIN = 1e14


@pytest.fixture(scope="session")
def make_estimate() -> EstimateMaker:
    """A run of one hour on 8 accelerators for 16 USD that keeps 100 bytes, and what a test sets otherwise."""

    def make(*, own_runs: int = 0, **changed: object) -> Estimate:
        some_bytes = Quantiles.exact(1.0)
        correction = Correction(
            resource="duration_s", group="accelerator=a, experiment=x", factor=1.0, num_runs=own_runs
        )
        fields: dict[str, object] = {
            "config_hash": "0",
            "accelerator": "h100-sxm-80gb",
            "num_accelerators": 8,
            "params": 1,
            "trainable_params": 1,
            "steps": 1,
            "train_tokens": 1.0,
            "flop": 1.0,
            "memory": MemoryEstimate(
                timeline=(Moment(name="backward", tenants_bytes={"weights": 1.0}),),
                peak_allocated_bytes=some_bytes,
                peak_reserved_bytes=some_bytes,
                peak_device_bytes=some_bytes,
                host_peak_bytes=some_bytes,
                usable_bytes=2.0,
                fits_probability=1.0,
            ),
            "step_time_breakdown_s": {},
            "bottleneck": "compute",
            "mfu": 0.4,
            "tokens_per_s_per_accelerator": Quantiles.exact(1.0),
            "start_up_s": Quantiles.exact(0.0),
            "duration_s": Quantiles.exact(3600.0),
            "duration_breakdown_s": {},
            "checkpoint_bytes": Quantiles.exact(100.0),
            "storage_bytes": Quantiles.exact(100.0),
            "storage_breakdown_bytes": {"checkpoints": 100.0},
            "network_bytes": Quantiles.exact(7.0),
            "network_breakdown_bytes": {},
            "inter_node_bytes_per_s": 0.0,
            "cost_usd": Quantiles.exact(16.0),
            "cost_breakdown_usd": {},
            "unknowns": (),
            "provenance": Provenance(prior="test", corrections=(correction,) if own_runs else ()),
        }
        return Estimate.model_validate({**fields, **changed})

    return make


def slip_points(p50: float, p90: float) -> tuple[float, ...]:
    """Lognormal delays with these quantiles, or none at all."""
    spread = math.log(p90 / p50) / Z_P90 if p50 else 0.0
    return tuple(p50 * math.exp(spread * NormalDist().inv_cdf((k + 0.5) / 200)) for k in range(200))


@pytest.fixture(scope="session")
def make_cadence() -> CadenceMaker:
    """A plan that is kept to the second and never fails, and what a test sets otherwise."""

    def make(
        *,
        happens_ratio: float = 1.0,
        slots_seen: float = CERTAIN,
        failure_probability: float = 0.0,
        attempts_seen: float = CERTAIN,
        slip_s: tuple[float, float] = (0.0, 0.0),
        growth: float = 0.0,
        finished_updates: int = 10,
    ) -> Cadence:
        failures = max(failure_probability * attempts_seen, 1e-9)
        skipped = max(1.0 - happens_ratio, 0.0) * slots_seen
        return Cadence(
            name="x",
            weeks_observed=10.0,
            planned_updates=10,
            skipped_updates=0,
            extra_updates=0,
            finished_updates=finished_updates,
            attempts=10,
            skip_probability=Beta(alpha=max(skipped, 1e-9), beta=max(slots_seen - skipped, 1e-9)),
            extra_updates_ratio=Gamma(shape=max((happens_ratio - 1) * slots_seen, 1e-9), rate=slots_seen),
            failure_probability=Beta(alpha=failures, beta=max(attempts_seen - failures, 1e-9)),
            updates_per_week=Gamma(shape=10.0, rate=10.0),
            planned_per_week=1.0,
            slip_points_s=slip_points(*slip_s),
            num_slips=10,
            growth_log_per_slot=Normal(mean=math.log1p(growth), sd=0.0),
            num_sizes=10,
        )

    return make
