"""A past run: what was asked, what was used, and where each fact came from."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from planner.domain import Frozen
from planner.domain.run_config import RunConfig

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
OriginKind = Literal["logged", "artifact", "tag", "user_rule", "inferred", "unknown"]


class Origin(Frozen):
    """Where the value of a field came from."""

    kind: OriginKind
    rule: str
    """The param, metric or tag read, or the rule by which the value was inferred; for unknown: what was looked for."""


class Actual(Frozen):
    """What a run really used. None where nothing tells."""

    duration_s: float | None = Field(default=None, ge=0)
    """From start to end of the run, start-up included."""
    train_s: float | None = Field(default=None, ge=0)
    """The training loop alone."""
    start_up_s: float | None = Field(default=None, ge=0)
    steps: int | None = Field(default=None, ge=0)
    tokens: float | None = Field(default=None, ge=0)
    """Tokens fed by all ranks, padding included."""
    step_time_s: float | None = Field(default=None, gt=0)
    tokens_per_s_per_accelerator: float | None = Field(default=None, gt=0)
    flop: float | None = Field(default=None, ge=0)
    peak_allocated_bytes: float | None = Field(default=None, gt=0)
    peak_reserved_bytes: float | None = Field(default=None, gt=0)
    peak_device_bytes: float | None = Field(default=None, gt=0)
    """Sampled by the driver every few seconds: a lower bound of the peak."""
    host_peak_bytes: float | None = Field(default=None, gt=0)
    """Resident memory of the training process at its peak."""
    checkpoint_bytes: float | None = Field(default=None, ge=0)
    network_bytes: float | None = Field(default=None, ge=0)
    cost_usd: float | None = Field(default=None, ge=0)


class TrainingRun(Frozen):
    """A past run as understood from its tracking store."""

    run_id: str
    source: str
    experiment: str
    name: str
    status: RunStatus
    started_at: datetime | None
    ended_at: datetime | None
    dialect: str
    """Which framework's names were recognised; ``unknown`` where none."""
    config: RunConfig
    actual: Actual
    origins: dict[str, Origin]
    """By field of config and actual (``lora.rank``, ``actual.tokens``)."""
    problem: str | None = None
    """Why the run cannot be estimated; None where it can."""
    out_of_memory: bool | None = None
    """Whether a failed run ran out of accelerator memory; None where nothing tells."""
