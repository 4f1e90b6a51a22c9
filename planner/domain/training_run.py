"""A past run: what was asked, what was used, and where each fact came from."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from planner.domain import Frozen
from planner.domain.run_config import RunConfig
from planner.domain.sample_lengths import SampleLengths
from planner.domain.told_estimate import ToldEstimate

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
OriginKind = Literal["logged", "artifact", "tag", "user_rule", "inferred", "unknown"]
Failure = Literal["oom", "preempted", "crashed", "cancelled"]


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
    steady_s: float | None = Field(default=None, ge=0)
    """All steps at the steady pace. With start-up, evaluation, checkpoints, stalls and tail it makes the duration."""
    evaluation_s: float | None = Field(default=None, ge=0)
    checkpoint_s: float | None = Field(default=None, ge=0)
    """Training held up by checkpoints."""
    stalled_s: float | None = Field(default=None, ge=0)
    """Time beyond the steady pace that is no evaluation and no checkpoint."""
    tail_s: float | None = Field(default=None, ge=0)
    """From the end of training to the end of the run."""
    steps: int | None = Field(default=None, ge=0)
    tokens: float | None = Field(default=None, ge=0)
    """Tokens fed by all ranks, padding included."""
    step_time_s: float | None = Field(default=None, gt=0)
    """Of the whole training loop."""
    steady_step_time_s: float | None = Field(default=None, gt=0)
    """Warm-up, evaluation, checkpoints and stalls left out."""
    tokens_per_s_per_accelerator: float | None = Field(default=None, gt=0)
    """Of the whole training loop."""
    steady_tokens_per_s_per_accelerator: float | None = Field(default=None, gt=0)
    flop: float | None = Field(default=None, ge=0)
    peak_allocated_bytes: float | None = Field(default=None, gt=0)
    peak_reserved_bytes: float | None = Field(default=None, gt=0)
    peak_device_bytes: float | None = Field(default=None, gt=0)
    """Sampled by the driver every few seconds: a lower bound of the peak."""
    device_sampling_gap_s: float | None = Field(default=None, gt=0)
    """Between two samples of one device: shorter peaks go unseen."""
    peak_exceeds_bytes: float | None = Field(default=None, gt=0)
    """Of a run that ran out of memory: what a device has, and the run needed more than."""
    host_peak_bytes: float | None = Field(default=None, gt=0)
    """Resident memory of the training process at its peak."""
    host_sampled_bytes: float | None = Field(default=None, gt=0)
    """Memory in use on the fullest host, other programs included: the largest sample."""
    utilization_ratio: float | None = Field(default=None, ge=0, le=1)
    """Mean share of the time in which the devices were busy."""
    energy_j: float | None = Field(default=None, ge=0)
    """Drawn by all accelerators of the run, from start to end."""
    num_checkpoints: int | None = Field(default=None, ge=0)
    checkpoint_bytes: float | None = Field(default=None, ge=0)
    network_bytes: float | None = Field(default=None, ge=0)
    disk_growth_bytes: float | None = Field(default=None)
    """Disk space in use at the end minus at the start, other programs included."""
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
    """By field of config and actual (``lora.rank``, ``actual.tokens``), ``failure``, ``target``, ``resumed_from``."""
    problem: str | None = None
    """Why the run cannot be estimated; None where it can."""
    failure: Failure | None = None
    """Why it did not finish; None where it did, or where nothing tells."""
    target: str | None = None
    """The model that the run makes: registered name, hub name or output folder."""
    resumed_from: str | None = None
    """Checkpoint or run that it goes on from."""
    told: ToldEstimate | None = None
    """The estimate that the run logged about itself before it trained."""
    sample_lengths: SampleLengths | None = None
    """How long its samples are, where the run counted them."""
