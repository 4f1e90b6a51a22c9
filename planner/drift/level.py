"""The level in control of each group of runs, learnt on while nothing drifts."""

import math
from collections import deque
from dataclasses import dataclass, field, replace

from planner.calibration.robust import WINSOR_LIMIT_SD, WINSORISED_VARIANCE

OWN_RUNS = 10
"""Until a group has so many runs each is compared with all before it; later ones leave the last ``LAG`` out."""
LAG = 20
"""A run may show a shift for so long before it counts as normal: longer than a shift of one SD usually stays unseen."""


@dataclass
class Level:
    """Mean and noise of one group, as normal knowledge: ``precision`` in units of 1 / the variance of the noise."""

    mean: float
    precision: float
    noise_variance: float
    degrees: float
    """Degrees of freedom behind ``noise_variance``."""
    num_own: int
    waiting: deque[float] = field(default_factory=deque)

    @property
    def variance(self) -> float:
        return 1 / self.precision

    @property
    def noise_sd(self) -> float:
        return math.sqrt(self.noise_variance)

    @property
    def cautious_sd(self) -> float:
        """The noise one standard error above its estimate: an SD that came out too small by chance alarms falsely."""
        return self.noise_sd * (1 + 1 / math.sqrt(2 * self.degrees))

    @property
    def is_young(self) -> bool:
        return self.num_own < OWN_RUNS

    def learn(self, value: float) -> None:
        """A run that was in control; a young group takes it at once, others after ``LAG`` more."""
        far = WINSOR_LIMIT_SD * self.noise_sd * math.sqrt(1 + self.variance)
        near = min(max(value, self.mean - far), self.mean + far)
        if self.is_young:
            self._take(near)
            return
        self.waiting.append(near)
        if len(self.waiting) > LAG:
            self._take(self.waiting.popleft())

    def take_all(self) -> None:
        """What waits is in control: a change was dated after it."""
        while self.waiting:
            self._take(self.waiting.popleft())

    def moved(self, log_change: float, variance: float) -> "Level":
        """The level after a change of a size known up to ``variance`` (over the noise's)."""
        return replace(self, mean=self.mean + log_change, precision=1 / (self.variance + variance), waiting=deque())

    def copy(self) -> "Level":
        return replace(self, waiting=self.waiting.copy())

    def _take(self, value: float) -> None:
        square = (value - self.mean) ** 2 / (1 + self.variance) / WINSORISED_VARIANCE
        self.degrees += 1
        self.noise_variance += (square - self.noise_variance) / self.degrees
        self.precision += 1
        self.mean += (value - self.mean) / self.precision
        self.num_own += 1
