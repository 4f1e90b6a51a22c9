"""Two-sided CUSUM: notices a lasting small shift of standardised values, and dates it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from planner.calibration.robust import Floats, winsorise

REFERENCE = 0.5
"""Half of the shift looked for, in SDs: k = .5 is the best for a shift of one SD (Page 1954)."""
MIN_LIMIT = 5.0
"""In control 465 values pass between two false alarms (published; measured 460), a shift of 1 SD takes 10.4."""


@dataclass(frozen=True)
class CusumResult:
    """Both sums by value, and the first alarm."""

    values: Floats
    """The winsorised values."""
    above: Floats
    below: Floats
    limit: float
    alarm_index: int | None
    """First value at which a sum exceeds the limit."""
    change_index: int | None
    """First value of the shift behind that alarm, by maximum likelihood."""
    direction: Literal["above", "below"] | None

    @property
    def statistic(self) -> Floats:
        return np.maximum(self.above, self.below)

    @property
    def excursion_start(self) -> int | None:
        """First value of the shift that is still on at the last value; None where the last value is in control."""
        if not self.above.size or self.statistic[-1] <= self.limit:
            return None
        sign = 1.0 if self.above[-1] >= self.below[-1] else -1.0
        return _change_index(sign * self.values)


def run_cusum(z: Floats, k: Floats | float = REFERENCE, h: float = MIN_LIMIT) -> CusumResult:
    """CUSUM of standardised values, winsorised at 2.5; reference ``k`` (one, or one a value) and limit ``h`` in SDs.

    S_t = max(0, S_(t-1) + z_t - k) for a rise, the mirror image for a fall (Page 1954; Montgomery, Introduction to
    Statistical Quality Control, ch. 9). Written as a running sum less its minimum so far, which is the same.
    """
    values = winsorise(np.asarray(z, dtype=np.float64), 0.0, 1.0)
    above, below = _one_sided(values - k), _one_sided(-values - k)
    alarms = np.flatnonzero(np.maximum(above, below) > h)
    if not alarms.size:
        return CusumResult(values, above, below, h, None, None, None)
    alarm = int(alarms[0])
    direction: Literal["above", "below"] = "above" if above[alarm] >= below[alarm] else "below"
    change = _change_index((1.0 if direction == "above" else -1.0) * values[: alarm + 1])
    return CusumResult(values, above, below, h, alarm, change, direction)


def average_run_length(h: float, k: float = REFERENCE) -> float:
    """Values between two false alarms of the two-sided chart in control.

    Siegmund's approximation (1985): (exp(2kb) - 2kb - 1) / (2 k^2) one-sided with b = h + 1.166, half of it two-sided.
    """
    slope = 2 * k * (h + 1.166)
    return (math.exp(slope) - slope - 1) / (4 * k**2)


def alarm_limit(num_groups: int, *, runs_per_group: int = 50, false_alarms: float = 1.5) -> float:
    """The limit, in half SDs, at which so many groups of so many runs give at most so many false alarms together.

    Never below ``MIN_LIMIT``: 5 for up to a dozen groups, 7 for a hundred.
    """
    limit = MIN_LIMIT
    while num_groups * runs_per_group > false_alarms * average_run_length(limit):
        limit += 0.5
    return limit


def _one_sided(steps: Floats) -> Floats:
    walk = np.cumsum(steps)
    return np.asarray(walk - np.minimum(np.minimum.accumulate(walk), 0.0)) if steps.size else steps


def _change_index(values: Floats) -> int:
    """First value of a rise that lasts to the end: of all tails the one whose mean is the most unlikely to be 0.

    Maximum likelihood for a step in the mean of normal values (Hinkley 1970; Pignatiello and Samuel 2001).
    """
    tails = np.maximum(np.cumsum(values[::-1]), 0.0)
    return values.size - 1 - int(np.argmax(tails**2 / np.arange(1, values.size + 1)))
