"""Intervals in which runs hold accelerators, booked on weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from planner.units import HOUR_S

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Simulated runs of one programme: a row a sample, a column a run; a run that does not happen has ``runs`` 0.

    Times are seconds after ``as_of``. None: unknown.
    """

    start_s: Floats
    end_s: Floats
    runs: Floats
    """How many runs the tracking store will count for it: a retry is a run of its own."""
    accelerators: Floats | None
    """Held from start to end."""
    network_bytes: Floats | None
    cost_usd: Floats | None
    stored_bytes: Floats | None
    """A column a week: held at the end of it."""


def book_on_weeks(occupancy: Occupancy, bounds_s: Floats) -> dict[str, Floats]:
    """Samples x weeks by resource, where known. ``bounds_s``: starts of the weeks and the end of the last one.

    Runs count in the week they start; accelerator-hours, traffic and cost are spread evenly over a run and so fall
    into the weeks it spans; what lies outside the weeks is left out.
    """
    runs, shares, overlaps_s = [], [], []
    length_s = occupancy.end_s - occupancy.start_s
    for start_s, end_s in pairwise(bounds_s):
        starts = (occupancy.start_s >= start_s) & (occupancy.start_s < end_s)
        overlap_s = np.minimum(occupancy.end_s, end_s) - np.maximum(occupancy.start_s, start_s)
        overlaps_s.append(np.maximum(overlap_s, 0.0))
        shares.append(np.divide(overlaps_s[-1], length_s, out=starts.astype(float), where=length_s > 0))
        runs.append((occupancy.runs * starts).sum(axis=1))
    booked = {"runs": np.stack(runs, axis=1)}
    if occupancy.accelerators is not None:
        held = [(occupancy.accelerators * overlap_s).sum(axis=1) / HOUR_S for overlap_s in overlaps_s]
        booked["accelerator_hours"] = np.stack(held, axis=1)
        booked["peak_accelerators"] = peak_by_week([occupancy], bounds_s)
    for resource, amount in (("network_bytes", occupancy.network_bytes), ("cost_usd", occupancy.cost_usd)):
        if amount is not None:
            booked[resource] = np.stack([(amount * share).sum(axis=1) for share in shares], axis=1)
    if occupancy.stored_bytes is not None:
        booked["storage_bytes"] = occupancy.stored_bytes
    return booked


def peak_by_week(occupancies: Sequence[Occupancy], bounds_s: Floats) -> Floats:
    """Samples x weeks: most accelerators held at once by all programmes together, those of unknown size left out.

    Sweeps over starts and ends in order of time, to the millisecond. A run holds [start, end): where one ends and
    another starts at the same instant, they do not overlap.
    """
    known = [o for o in occupancies if o.accelerators is not None]
    start_s = np.concatenate([o.start_s for o in known], axis=1)
    end_s = np.concatenate([o.end_s for o in known], axis=1)
    held = np.concatenate([o.accelerators for o in known if o.accelerators is not None], axis=1)
    num_samples, num_weeks = len(start_s), len(bounds_s) - 1
    marks_s = np.broadcast_to(bounds_s, (num_samples, num_weeks + 1))
    # At one instant: ends first, then the mark of a week, then starts.
    keys = np.concatenate([_key(end_s, bounds_s, 0), _key(marks_s, bounds_s, 1), _key(start_s, bounds_s, 2)], axis=1)
    steps = np.concatenate([-held, np.zeros(marks_s.shape), held], axis=1)
    order = np.argsort(keys, axis=1, kind="stable")
    level = np.cumsum(np.take_along_axis(steps, order, axis=1), axis=1)
    is_mark = (order >= held.shape[1]) & (order < held.shape[1] + num_weeks + 1)
    peaks = np.maximum.reduceat(level.ravel(), np.flatnonzero(is_mark))
    return peaks.reshape(num_samples, num_weeks + 1)[:, :-1]


def _key(time_s: Floats, bounds_s: Floats, order_at_one_instant: int) -> NDArray[np.int64]:
    """Sorts by millisecond, then by kind; times outside the weeks move to their edge."""
    near_s = np.clip(time_s, bounds_s[0] - 1.0, bounds_s[-1] + 1.0)
    return np.rint(near_s * 1000.0).astype(np.int64) * 4 + order_at_one_instant
