"""What simulated runs of a planned update leave on disks, move over the network and cost.

Arrays are bundles x updates x samples unless said otherwise.
"""

import math
from collections.abc import Mapping

import numpy as np

from planner.domain.estimate import Estimate
from planner.estimator.cost import SIDE_ROWS
from planner.forecast.normal_score import at_normal_score, log_spreads
from planner.forecast.occupancy import Floats


def network_bytes(
    estimate: Estimate, z: Floats, *, runs: Floats, failed: Floats, wasted_ratio: Floats, growth: Floats
) -> Floats:
    """Traffic with storage: every attempt fetches model and data, an attempt uploads as many checkpoints as it reached.

    The data grows with ``growth``. ``z``: one score a sample, for what all runs share.
    """
    fetched = _part(estimate.network_breakdown_bytes, "model_staging")
    data = _part(estimate.network_breakdown_bytes, "dataset_staging")
    uploaded = 1 - fetched - data
    attempts = 1 + failed
    relative = fetched * attempts + data * attempts * growth + uploaded * (1 + wasted_ratio)
    return np.asarray(at_normal_score(estimate.network_bytes, z) * relative * runs)


def cost_usd(estimate: Estimate, z: Floats, *, runs: Floats, length_s: Floats) -> Floats | None:
    """Compute by the second, storage and egress by the run; None where no price is known.

    What the cost is more uncertain than the duration is the price, and one price holds for all runs: ``z``, one score
    a sample.
    """
    cost = estimate.cost_usd
    if cost is None:
        return None
    side_usd = 0.0
    if estimate.cost_breakdown_usd:
        side_usd = cost.p50 * sum(_part(estimate.cost_breakdown_usd, row) for row in SIDE_ROWS)
    compute = cost.shift(-side_usd)
    sides = zip(log_spreads(compute), log_spreads(estimate.duration_s), strict=True)
    low, high = (math.sqrt(max(0.0, usd**2 - seconds**2)) for usd, seconds in sides)
    usd_per_s = compute.p50 / estimate.duration_s.p50 if estimate.duration_s.p50 > 0 else 0.0
    price = usd_per_s * np.exp(z * np.where(z < 0, low, high))
    return np.asarray(runs * (side_usd + price * length_s))


def stored_bytes(
    estimate: Estimate,
    z: Floats,
    *,
    runs: Floats,
    start_s: Floats,
    end_s: Floats,
    growth: Floats,
    week_ends_s: Floats,
    keep_updates: int | None,
) -> Floats:
    """Held at the end of each week by these runs alone, samples x weeks.

    The base model is stored once, a version of the dataset by every update for ever, and what a run keeps from its end
    until ``keep_updates`` newer updates are complete. ``start_s`` and ``growth`` are updates x samples.
    """
    total = at_normal_score(estimate.storage_bytes, z)
    base = _part(estimate.storage_breakdown_bytes, "base_model")
    data = _part(estimate.storage_breakdown_bytes, "dataset")
    by_week = []
    for week_end_s in week_ends_s:
        ended = (end_s <= week_end_s) & (runs > 0)
        complete = ended.all(axis=0)
        newer = complete[::-1].cumsum(axis=0)[::-1] - complete
        kept = newer < (math.inf if keep_updates is None else keep_updates)
        begun = (start_s < week_end_s) & (runs[0] > 0)
        relative = base * begun.any(axis=0) + (data * growth * begun).sum(axis=0)
        relative = relative + (1 - base - data) * ((ended * runs).sum(axis=0) * kept).sum(axis=0)
        by_week.append(total * relative)
    return np.stack(by_week, axis=1)


def _part(rows: Mapping[str, float], row: str) -> float:
    """Part of a row in the sum of all; 0 where there are no rows."""
    total = sum(rows.values())
    return rows.get(row, 0.0) / total if total > 0 else 0.0
