"""How often a model is really trained, beside its plan: learnt like a resource, over all programmes together.

Assumptions:

- An update is a chain of attempts, see ``planner.dialects.updates``; where an update takes several runs, that many
  finished chains make one. An update answers the planned slot in which its first attempt starts.
- Observation begins with the slot that the first run answers. The newest slot counts once half its time has passed
  and no attempt at it is under way.
- A run that starts shortly before a slot is early, not a whole period late.
- Runs still going at ``as_of`` have no outcome yet, whatever became of them later.
- Data grow with time, whether a slot is used or skipped.
- Every figure of a programme leans on the others (``planner.calibration.posteriors``). Before any update is seen the
  priors below hold; all are judgements.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from planner.calibration.posteriors import (
    Beta,
    Gamma,
    Normal,
    Prior,
    pooled_means,
    pooled_probabilities,
    pooled_rates,
)
from planner.calibration.robust import Floats
from planner.calibration.seen_updates import SeenUpdates
from planner.domain import Frozen
from planner.domain.estimate import Z_P90, Quantiles
from planner.units import WEEK_S

SKIPPED = Prior(mean=0.1, weight=4)
"""One planned update in ten is left out."""
FAILED = Prior(mean=0.125, weight=4)
"""One attempt in eight does not finish."""
EXTRA = Prior(mean=0.05, weight=8)
"""To twenty updates that happen comes one that nobody planned."""
UPDATES_PER_WEEK = Prior(mean=1.0, weight=0.5)
SLIP_FLOOR_S = 60.0
"""Slips are compared by the log of themselves and this minute."""
SLIP = Normal(mean=math.log(600 + SLIP_FLOOR_S), sd=1.5)
"""Ten minutes late; a programme's median may be off by a factor of 4.5."""
SLIP_BETWEEN_SDS = ((0.25, 1.0), (0.5, 1.0), (1.0, 1.0), (2.0, 1.0))
SLIP_WITHIN_SD = 1.0
GROWTH_PER_WEEK = Normal(mean=0.0, sd=0.005)
"""Of the log of the training data's size."""
GROWTH_BETWEEN_SDS = ((0.005, 8.0), (0.01, 4.0), (0.02, 2.0), (0.04, 1.0), (0.08, 0.5))
SIZE_NOISE_SD = 0.05
SLOPE_EFFICIENCY, MAD_EFFICIENCY = 0.95, 0.37
"""Of Theil-Sen slopes and of the median absolute deviation, for normal noise (Sen 1968; Huber 1981)."""
NOISE_WEIGHT = 4.0
"""Weight of a prior spread or distribution, in observations."""
SLIP_LEVELS = (np.arange(200) + 0.5) / 200
NORMAL_SCORES = np.array([NormalDist().inv_cdf(level) for level in SLIP_LEVELS.tolist()])


class Cadence(Frozen):
    """What is known of one update (or of the experiments of a pattern) up to a day."""

    name: str
    weeks_observed: float
    planned_updates: int | None
    """Slots of the plan in the time observed; None without a plan."""
    skipped_updates: int | None
    extra_updates: int | None
    """Beyond the one that a slot asks for."""
    finished_updates: int
    attempts: int
    """Runs that ended, well or not."""
    skip_probability: Beta
    """That nothing is trained for a slot."""
    extra_updates_ratio: Gamma
    """Further updates to one that happens."""
    failure_probability: Beta
    """Of one attempt."""
    updates_per_week: Gamma
    planned_per_week: float | None
    slip_points_s: tuple[float, ...]
    """Equally likely delays of the next update's first attempt behind its slot, in ascending order."""
    num_slips: int
    growth_log_per_slot: Normal
    """Of the training data's size, from one slot (without a plan: one update) to the next."""
    num_sizes: int
    """Finished updates whose data size is known."""

    @property
    def updates_per_planned_ratio(self) -> float:
        """Expected updates to one planned."""
        return (1 - self.skip_probability.mean) * (1 + self.extra_updates_ratio.mean)

    @property
    def slip_s(self) -> Quantiles:
        p10, p50, p90 = np.quantile(self.slip_points_s, (0.1, 0.5, 0.9)).tolist()
        return Quantiles(p10=p10, p50=p50, p90=p90)

    @property
    def attempts_per_finished_update(self) -> Quantiles:
        """Attempts until one finishes: 1 / (1 - p) over the posterior of p."""
        p = self.failure_probability.quantiles
        return Quantiles(p10=1 / (1 - p.p10), p50=1 / (1 - p.p50), p90=1 / (1 - p.p90))

    @property
    def dataset_growth_ratio_per_update(self) -> Quantiles:
        """Growth of the data from one slot to the next, .02 for 2 % more."""
        log, reach = self.growth_log_per_slot.mean, Z_P90 * self.growth_log_per_slot.sd
        return Quantiles(p10=math.expm1(log - reach), p50=math.expm1(log), p90=math.expm1(log + reach))


def learn_cadences(seen: Sequence[SeenUpdates]) -> tuple[Cadence, ...]:
    """The cadence of each programme, in the order given; that order changes nothing else."""
    planned = [one for one in seen if one.planned_updates is not None]
    of_plan = {one.name: index for index, one in enumerate(planned)}
    skips = pooled_probabilities(
        [(one.skipped_updates, one.planned_updates or 0) for one in [*planned, _NOTHING]], SKIPPED
    )
    extras = pooled_rates(
        [(one.extra_updates, (one.planned_updates or 0) - one.skipped_updates) for one in [*planned, _NOTHING]], EXTRA
    )
    failures = pooled_probabilities([(one.failed_attempts, one.attempts) for one in seen], FAILED)
    rates = pooled_rates([(one.finished_updates, one.weeks_observed) for one in seen], UPDATES_PER_WEEK)
    slips = _slips([*planned, _NOTHING])
    growths = _growths(seen)
    found = []
    for index, one in enumerate(seen):
        has_plan = one.planned_updates is not None
        place = of_plan.get(one.name, len(planned))
        weeks = one.slot_s / WEEK_S if one.slot_s else 1 / rates[index].mean
        growth = growths[index]
        found.append(
            Cadence(
                name=one.name,
                weeks_observed=one.weeks_observed,
                planned_updates=one.planned_updates,
                skipped_updates=one.skipped_updates if has_plan else None,
                extra_updates=one.extra_updates if has_plan else None,
                finished_updates=one.finished_updates,
                attempts=one.attempts,
                skip_probability=skips[place],
                extra_updates_ratio=extras[place],
                failure_probability=failures[index],
                updates_per_week=rates[index],
                planned_per_week=WEEK_S / one.slot_s if one.slot_s else None,
                slip_points_s=slips[place],
                num_slips=len(one.slips_s),
                growth_log_per_slot=Normal(mean=growth.mean * weeks, sd=growth.sd * weeks),
                num_sizes=len(one.log_sizes),
            )
        )
    return tuple(found)


_NOTHING = SeenUpdates(name="")
"""Stands for a programme without a plan, of whose slots nothing can be seen."""


def _slips(seen: Sequence[SeenUpdates]) -> list[tuple[float, ...]]:
    """The next slip of each programme: one of its own, or with the weight of ``NOISE_WEIGHT`` of them lognormal.

    That is a Dirichlet process (Ferguson 1973) around what all programmes show, so that a habit of being a whole day
    late is kept as one.
    """
    logs = [np.log(np.array(sorted(one.slips_s)) + SLIP_FLOOR_S) for one in seen]
    squares = [float(np.sum((found - found.mean()) ** 2)) if found.size else 0.0 for found in logs]
    degrees = [max(found.size - 1, 0) for found in logs]
    pooled = _pooled_variance(SLIP_WITHIN_SD**2, squares, degrees)
    within = [_variance(pooled, square, degree) for square, degree in zip(squares, degrees, strict=True)]
    means = pooled_means(
        [
            (float(found.mean()), variance / found.size) if found.size else (0.0, math.inf)
            for found, variance in zip(logs, within, strict=True)
        ],
        SLIP,
        SLIP_BETWEEN_SDS,
    )
    found = []
    for one, mean, variance in zip(seen, means, within, strict=True):
        usual = np.exp(mean.mean + math.sqrt(mean.sd**2 + variance) * NORMAL_SCORES) - SLIP_FLOOR_S
        values = np.concatenate([np.maximum(usual, 0.0), one.slips_s])
        weights = np.concatenate([np.full(usual.size, NOISE_WEIGHT / usual.size), np.ones(len(one.slips_s))])
        order = np.argsort(values, kind="stable")
        upto = np.cumsum(weights[order])
        places = np.minimum(np.searchsorted(upto, SLIP_LEVELS * upto[-1]), order.size - 1)
        found.append(tuple(values[order][places].tolist()))
    return found


def _growths(seen: Sequence[SeenUpdates]) -> tuple[Normal, ...]:
    """Growth of the log of each programme's data a week: Theil-Sen slopes, leaning on each other."""
    slopes = [_theil_sen(np.array(one.log_sizes).reshape(-1, 2)) for one in seen]
    squares = [noise * degrees for _, _, noise, degrees in slopes]
    degrees = [degrees for *_, degrees in slopes]
    pooled = _pooled_variance(SIZE_NOISE_SD**2, squares, degrees)
    return pooled_means(
        [
            (slope, _variance(pooled, square, degree) / leverage if leverage > 0 else math.inf)
            for (slope, leverage, _, _), square, degree in zip(slopes, squares, degrees, strict=True)
        ],
        GROWTH_PER_WEEK,
        GROWTH_BETWEEN_SDS,
    )


def _theil_sen(points: Floats) -> tuple[float, float, float, float]:
    """Slope, variance of the noise over that of the slope, robust variance of the noise, its degrees of freedom.

    All 0 where no two times differ.
    """
    weeks, size = points.T
    first, second = np.triu_indices(weeks.size, k=1)
    apart = weeks[second] > weeks[first]
    if not apart.any():
        return 0.0, 0.0, 0.0, 0.0
    slope = float(np.median((size[second] - size[first])[apart] / (weeks[second] - weeks[first])[apart]))
    left = size - slope * weeks
    noise = (1.4826 * float(np.median(np.abs(left - np.median(left))))) ** 2
    fitted = max(weeks.size - 2, 0)
    leverage = SLOPE_EFFICIENCY * float(np.sum((weeks - weeks.mean()) ** 2))
    return slope, leverage, noise * weeks.size / max(fitted, 1), MAD_EFFICIENCY * fitted


def _pooled_variance(prior: float, squares: Sequence[float], degrees: Sequence[float]) -> float:
    return (NOISE_WEIGHT * prior + math.fsum(squares)) / (NOISE_WEIGHT + math.fsum(degrees))


def _variance(pooled: float, square: float, degrees: float) -> float:
    return (NOISE_WEIGHT * pooled + square) / (NOISE_WEIGHT + degrees)
