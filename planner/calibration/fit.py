"""Residuals of past runs to one version of a calibration."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from planner.calibration.residuals import Residual
from planner.calibration.robust import Floats, Ints
from planner.calibration.shrinkage import shrink
from planner.calibration.table import ResidualTable, tabulate
from planner.domain.calibration import Calibration, GroupCalibration
from planner.domain.estimate import Resource

METHOD = "nested-normal-2"
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
SPREAD_LEVEL = 1
"""Level of the groups whose runs tell the spread together: the accelerator."""
USUAL_SHARE = 0.9
"""The physics' spread that so many of the past runs had at most is usual."""


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
        groups=tuple(group for table in tabulate(used) for group in learn(table)),
    )


def learn(
    table: ResidualTable, chosen: Ints | None = None, wanted: Collection[str] | None = None
) -> list[GroupCalibration]:
    """What the chosen runs (indices; all without) say about one resource, by group; of all or the wanted groups."""
    runs = np.arange(len(table.residuals)) if chosen is None else chosen
    tree = table.tree.subset(runs)
    posteriors = shrink(table.log_ratio[runs], tree, PRIOR_LOG_SD[table.resource])
    found: list[GroupCalibration] = []
    for level, (names, posterior) in enumerate(zip(table.names, posteriors, strict=True)):
        together = min(level, SPREAD_LEVEL)
        usual = _usual(table.estimate_log_sd[runs], tree.codes[together], len(table.names[together]))
        peers = tree.ancestors(level, together)
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
                spread_runs=int(posteriors[together].num_runs[peers[index]]),
                estimate_log_sd=float(usual[peers[index]]),
            )
            for index, name in sorted(enumerate(names), key=lambda item: item[1])
            if posterior.num_runs[index] and (wanted is None or name in wanted)
        )
    return found


def _usual(log_sd: Floats, code: Ints, num_groups: int) -> Floats:
    """By group, the smallest spread that at least ``USUAL_SHARE`` of its runs stay within; 0 for an empty group."""
    counts = np.bincount(code, minlength=num_groups)
    rank = np.maximum(np.ceil(USUAL_SHARE * counts - 1e-9).astype(np.int64), 1)
    last = np.cumsum(counts) - counts + rank - 1
    ordered = np.append(log_sd[np.lexsort((log_sd, code))], 0.0)
    return np.where(counts > 0, ordered[np.minimum(last, log_sd.size)], 0.0)


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
