"""What past runs say about the physics."""

from datetime import datetime
from typing import NamedTuple

from pydantic import Field

from planner.domain import Frozen
from planner.domain.estimate import Resource


class GroupCalibration(Frozen):
    """Bias and spread of one resource in one group of runs, as log(actual / estimate)."""

    resource: Resource
    group: str
    """``all``, ``accelerator=...`` or finer: keys and values joined by commas, in the order of the levels."""
    num_runs: int = Field(ge=0)
    log_bias: float
    """Shrunken mean of the log ratio: exp of it corrects the estimate."""
    log_sd: float = Field(ge=0)
    """Predictive standard deviation of the next run's log ratio."""
    log_p10: float
    """80 % interval of the next run's log ratio."""
    log_p90: float
    spread_runs: int = Field(default=0, ge=0)
    """Runs that the spread was learnt from: all of the accelerator's, since alike groups tell it together."""
    estimate_log_sd: float = Field(default=0.0, ge=0)
    """Nine in ten of those runs had at most this spread from the physics: a run that is less certain stays so."""


class Effect(NamedTuple):
    """What one label (or one label's share of a term) adds to the log ratio."""

    log_effect: float
    log_variance: float
    """How unsure it is, apart from what all runs share."""
    num_runs: int
    centre: float = 1.0
    """Usual multiplier: 1 of a label, the mean share of a term."""


class EffectKind(Frozen):
    """All labels of one kind, such as ``accelerator``."""

    log_variance: float = Field(ge=0)
    """Of a label that was never seen."""
    effects: dict[str, Effect]


class NearSpot(NamedTuple):
    """Runs that were alike in everything, and how far they are from the sum of their effects."""

    position: tuple[float, ...]
    flags: tuple[str, ...]
    log_ratio: float
    weight: float
    """Number of runs, old ones counting less."""


class Spread(NamedTuple):
    """Spread of one group of runs relative to the resource's."""

    scale_ratio: float
    num_runs: int
    estimate_log_sd: float
    """Nine in ten of the group's runs had at most this spread from the physics."""


class Within(NamedTuple):
    """What holds among the runs of a cell."""

    spot_log_variance: float
    """Of what distinguishes one configuration from others with the same labels."""
    noise_log_variance: float
    """Of runs that are alike in everything."""
    reach: float
    """Distance, in doublings of a size, at which nearness has fallen to 37 %."""


class ResourceCalibration(Frozen):
    """Everything learnt of one resource: log(actual / estimate) = sum of effects + what near runs show + noise."""

    resource: Resource
    num_runs: int
    num_bounds: int = 0
    """Failed and killed runs that told only a bound."""
    kinds: dict[str, EffectKind]
    cells: dict[str, tuple[NearSpot, ...]]
    shared_log_variance: float = Field(ge=0)
    """Of the sum of effects of an average run."""
    joint_variance_ratios: dict[str, float]
    """By cell: variance of its sum of effects over what its effects have each; they are known better together."""
    unseen_variance_ratio: float = Field(gt=0)
    """The same for a cell that was not seen."""
    spot_log_variance: float = Field(ge=0)
    """Of what distinguishes one configuration from others with the same labels."""
    noise_log_variance: float = Field(ge=0)
    """Of runs that are alike in everything."""
    reach: float = Field(gt=0)
    """Distance, in doublings of a size, at which nearness has fallen to 37 %."""
    kin: dict[str, Within] = Field(default_factory=dict)
    """By accelerator and framework where these differ from the others in it."""
    nearness_ratios: tuple[float, float] = (1.0, 1.0)
    """Spread, in units of the predicted one, of runs with one much like them, and of runs without."""
    spreads: dict[str, Spread]
    score_quantiles: tuple[tuple[float, float], ...]
    """Share of past runs, left out in turn, that lay within so many predictive standard deviations."""
    width_ratios: dict[str, float] = Field(default_factory=dict)
    """By accelerator (or ``all``): what the hits and misses of the past demand of the width."""

    def within(self, kin: str) -> Within:
        """Of one accelerator and framework."""
        return self.kin.get(kin) or Within(self.spot_log_variance, self.noise_log_variance, self.reach)


class Calibration(Frozen):
    """One version of what was learnt; never changed once written."""

    calibration_id: str
    as_of: datetime
    fitted_through: datetime | None
    """End of the last run used."""
    num_runs: int
    data_fingerprint: str
    prior: str
    method: str = "nested-normal-2"
    """Name of the statistics."""
    groups: tuple[GroupCalibration, ...] = ()
    """Nested groups of calibrations made before effects were crossed."""
    resources: tuple[ResourceCalibration, ...] = ()
