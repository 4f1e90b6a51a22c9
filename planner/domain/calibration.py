"""What past runs say about the physics."""

from datetime import datetime

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


class Calibration(Frozen):
    """One version of what was learnt; never changed once written."""

    calibration_id: str
    as_of: datetime
    fitted_through: datetime | None
    """End of the last run used."""
    num_runs: int
    data_fingerprint: str
    prior: str
    groups: tuple[GroupCalibration, ...]
