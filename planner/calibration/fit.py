"""Residuals of past runs to one version of a calibration."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from planner.calibration.residuals import Residual
from planner.calibration.shrinkage import shrink
from planner.calibration.table import ResidualTable, tabulate
from planner.domain.calibration import Calibration, GroupCalibration
from planner.domain.estimate import Resource

METHOD = "nested-normal-1"
"""Names the statistics: raise it when the same residuals would give another calibration."""

PRIOR_LOG_SD: dict[Resource, float] = {
    "peak_allocated_bytes": 0.3,
    "peak_reserved_bytes": 0.3,
    "peak_device_bytes": 0.3,
    "host_peak_bytes": 0.5,
    "tokens_per_s_per_accelerator": 0.5,
    "start_up_s": 0.8,
    "duration_s": 0.5,
    "checkpoint_bytes": 0.3,
    "network_bytes": 0.5,
    "cost_usd": 0.5,
}
"""How far the physics may be off on the whole before any run is seen: SD of log(actual / estimate). A judgement."""


def fit(residuals: Sequence[Residual], *, as_of: datetime, prior: str) -> Calibration:
    """What runs that ended before ``as_of`` say about the physics named ``prior``.

    Every group of every level is there, each with the predictive distribution of its next run; no run, no group.
    The same residuals in any order give the same calibration, to the last bit.
    """
    used = [residual for residual in residuals if residual.ended_at < as_of]
    fingerprint = _hash(
        f"{residual.run_id}\t{residual.resource}\t{residual.log_ratio!r}\t{residual.groups[-1]}" for residual in used
    )
    return Calibration(
        calibration_id=_hash([fingerprint, as_of.astimezone(UTC).isoformat(), prior, METHOD]),
        as_of=as_of,
        fitted_through=max((residual.ended_at for residual in used), default=None),
        num_runs=len({residual.run_id for residual in used}),
        data_fingerprint=fingerprint,
        prior=prior,
        groups=tuple(group for table in tabulate(used) for group in _fit_resource(table)),
    )


def _fit_resource(table: ResidualTable) -> list[GroupCalibration]:
    posteriors = shrink(table.log_ratio, table.tree, PRIOR_LOG_SD[table.resource])
    found: list[GroupCalibration] = []
    for names, code, posterior in zip(table.names, table.tree.codes, posteriors, strict=True):
        physics = np.bincount(code, weights=table.estimate_log_sd, minlength=len(names)) / posterior.num_runs
        low, high = posterior.mean - posterior.half_width, posterior.mean + posterior.half_width
        found.extend(
            GroupCalibration(
                resource=table.resource,
                group=name,
                num_runs=int(posterior.num_runs[index]),
                log_bias=float(posterior.mean[index]),
                log_sd=float(posterior.log_sd[index]),
                log_p10=float(low[index]),
                log_p90=float(high[index]),
                estimate_log_sd=float(physics[index]),
            )
            for index, name in sorted(enumerate(names), key=lambda item: item[1])
        )
    return found


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
