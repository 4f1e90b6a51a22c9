"""Two-sided CUSUM: notices a lasting small shift of standardised values, and dates it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from planner.calibration.robust import Floats, winsorise
from planner.drift.limits import MIN_LIMIT, REFERENCE

Direction = Literal["above", "below"]


@dataclass(frozen=True)
class CusumResult:
    """Both sums by value, and the first alarm."""

    values: Floats
    """The winsorised values."""
    above: Floats
    below: Floats
    limit: Floats
    """By value."""
    alarm_index: int | None
    """First value at which a sum exceeds its limit."""
    change_index: int | None
    """First value of the shift behind that alarm, by maximum likelihood."""
    direction: Direction | None

    @property
    def statistic(self) -> Floats:
        return np.maximum(self.above, self.below)


def run_cusum(z: Floats, k: Floats | float = REFERENCE, h: Floats | float = MIN_LIMIT) -> CusumResult:
    """CUSUM of standardised values, winsorised at 2.5; reference ``k`` and limit ``h`` in SDs, one or one a value.

    S_t = max(0, S_(t-1) + z_t - k) for a rise, the mirror image for a fall (Page 1954; Montgomery, Introduction to
    Statistical Quality Control, ch. 9). Written as a running sum less its minimum so far, which is the same.
    """
    values = winsorise(np.asarray(z, dtype=np.float64), 0.0, 1.0)
    above, below = _one_sided(values - k), _one_sided(-values - k)
    limit = np.broadcast_to(np.asarray(h, dtype=np.float64), values.shape)
    alarms = np.flatnonzero(np.maximum(above, below) > limit)
    if not alarms.size:
        return CusumResult(values, above, below, limit, None, None, None)
    alarm = int(alarms[0])
    direction: Direction = "above" if above[alarm] >= below[alarm] else "below"
    return CusumResult(values, above, below, limit, alarm, change_index(values[: alarm + 1], direction), direction)


def change_index(values: Floats, direction: Direction) -> int:
    """First value of a shift that lasts to the end: of all tails the one whose mean is the most unlikely to be 0.

    Maximum likelihood for a step in the mean of normal values (Hinkley 1970; Pignatiello and Samuel 2001).
    """
    sign = 1.0 if direction == "above" else -1.0
    tails = np.maximum(np.cumsum(sign * values[::-1]), 0.0)
    return values.size - 1 - int(np.argmax(tails**2 / np.arange(1, values.size + 1)))


def _one_sided(steps: Floats) -> Floats:
    walk = np.cumsum(steps)
    return np.asarray(walk - np.minimum(np.minimum.accumulate(walk), 0.0)) if steps.size else steps
