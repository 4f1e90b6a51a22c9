"""What a run is expected to need: every figure a distribution, every total with its breakdown."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from planner.domain import Frozen
from planner.units import KWH_J

Resource = Literal[
    "peak_allocated_bytes",
    "peak_reserved_bytes",
    "peak_device_bytes",
    "host_peak_bytes",
    "tokens_per_s_per_accelerator",
    "start_up_s",
    "duration_s",
    "checkpoint_s",
    "checkpoint_bytes",
    "network_bytes",
    "cost_usd",
    "energy_j",
]
"""Resources that have both an estimate and an actual; the same names as in ``Actual``."""

Z_P90 = 1.2815515655446004
"""Standard normal quantile of .9: p10 and p90 of a lognormal lie at p50 x exp(-/+ Z_P90 x sigma)."""


class Quantiles(Frozen):
    """The 10th, 50th and 90th percentile of a quantity."""

    p10: float
    p50: float
    p90: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.p10 <= self.p50 <= self.p90:
            raise ValueError(f"quantiles must not fall: p10 {self.p10}, p50 {self.p50}, p90 {self.p90}")
        return self

    @classmethod
    def lognormal(cls, p50: float, log_sd: float) -> Self:
        """Around a median of ``p50``, with standard deviation ``log_sd`` of the natural logarithm."""
        width = math.exp(Z_P90 * log_sd)
        return cls(p10=p50 / width, p50=p50, p90=p50 * width)

    @classmethod
    def exact(cls, value: float) -> Self:
        return cls(p10=value, p50=value, p90=value)

    def scale(self, factor: float) -> Self:
        """All quantiles times a factor >= 0."""
        return type(self)(p10=self.p10 * factor, p50=self.p50 * factor, p90=self.p90 * factor)

    def shift(self, offset: float) -> Self:
        return type(self)(p10=self.p10 + offset, p50=self.p50 + offset, p90=self.p90 + offset)

    @property
    def log_sd(self) -> float:
        """Standard deviation of the logarithm, from the distance of p10 and p90; 0 for a quantity that is 0."""
        return math.log(self.p90 / self.p10) / (2 * Z_P90) if self.p10 > 0 else 0.0


MomentName = Literal["load", "forward", "loss", "backward", "optimizer", "generation"]


class Moment(Frozen):
    """One moment of the memory timeline and who holds memory in it."""

    name: MomentName
    tenants_bytes: dict[str, float]

    @property
    def total_bytes(self) -> float:
        return sum(self.tenants_bytes.values())


class MemoryEstimate(Frozen):
    """Peak memory of one accelerator (host memory: of one host), by definition of 'memory'."""

    timeline: tuple[Moment, ...]
    peak_allocated_bytes: Quantiles
    """Tensors alive at the peak (``torch.cuda.max_memory_allocated``)."""
    peak_reserved_bytes: Quantiles
    """What the caching allocator holds (``torch.cuda.max_memory_reserved``)."""
    peak_device_bytes: Quantiles
    """What the vendor's tool shows: reserved, context and other libraries. It decides whether a run fits."""
    host_peak_bytes: Quantiles
    """Resident memory of the processes of one host."""
    usable_bytes: float
    """What the accelerator offers."""
    fits_probability: float = Field(ge=0, le=1)

    @property
    def peak(self) -> Moment:
        """The moment of the largest total: its tenants add up to the physical peak."""
        return max(self.timeline, key=lambda moment: moment.total_bytes)


class CorrectionStep(Frozen):
    """One effect among those that make a correction."""

    name: str
    """``accelerator=...``, ``term matmul, accelerator=...``, ``near runs``, ..."""
    factor: float = Field(gt=0)
    num_runs: int = Field(ge=0)


class Correction(Frozen):
    """From the physics to a calibrated figure."""

    resource: Resource
    group: str
    """The runs it was learnt from, e.g. ``accelerator=a100-80gb, method=lora``."""
    factor: float = Field(gt=0)
    num_runs: int = Field(ge=0)
    steps: tuple[CorrectionStep, ...] = ()
    """Effects whose factors multiply to ``factor``."""


class Provenance(Frozen):
    """How an estimate came about; enough to make it again."""

    prior: str
    """Version of the physics and its constants."""
    calibration_id: str | None = None
    corrections: tuple[Correction, ...] = ()


class CheckpointAdvice(Frozen):
    """What interruptions and checkpoints ask of each other."""

    expected_interruptions: float = Field(ge=0)
    best_every_steps: int | None
    """Checkpoint interval that loses least (Young, Daly); None where once at the end is best."""
    needed_bytes_per_s: float = Field(ge=0)
    """What storage must take in for writing to stay below a twentieth of the run."""
    needed_iops: float = Field(ge=0)
    """The same in writes of 1 MiB."""


class StoredMonths(Frozen):
    """What is kept in some months after the run, the first being month 1."""

    first_month: int = Field(gt=0)
    last_month: int = Field(gt=0)
    size_bytes: float = Field(ge=0)


class Estimate(Frozen):
    """What one run is expected to need."""

    config_hash: str
    accelerator: str
    num_accelerators: int
    params: int
    trainable_params: int
    steps: int
    train_tokens: float
    real_tokens_ratio: float | None = None
    """Of the tokens that are fed, those that are no padding; None where lengths are not known."""
    flop: float
    """Model FLOPs of the whole run, recompute left out."""
    memory: MemoryEstimate
    step_time_breakdown_s: dict[str, float]
    bottleneck: str
    mfu: float
    """Model FLOP/s over the accelerator's dense peak at the compute dtype."""
    tokens_per_s_per_accelerator: Quantiles
    start_up_s: Quantiles
    duration_s: Quantiles
    duration_breakdown_s: dict[str, float]
    checkpoint_s: Quantiles | None = None
    """Training held up by all checkpoints, a row of the duration; None where none is written."""
    checkpoint_bytes: Quantiles
    """One checkpoint."""
    checkpoint_advice: CheckpointAdvice | None = None
    storage_bytes: Quantiles
    storage_breakdown_bytes: dict[str, float]
    storage_months: tuple[StoredMonths, ...] = ()
    """What is still kept as the retention of each part runs out."""
    working_storage_bytes: float | None = Field(default=None, ge=0)
    """Fast storage beside the accelerators while the run goes on: model, data, the checkpoint that is written and the
    one before it."""
    network_bytes: Quantiles
    network_breakdown_bytes: dict[str, float]
    inter_node_bytes_per_s: float
    """Traffic one accelerator sends to other nodes while training; 0 on one node."""
    inter_node_link_bytes_per_s: float | None = Field(default=None, gt=0)
    """What its share of the network can carry, one way; None on one node."""
    cost_usd: Quantiles | None
    """None where no price is known; ``notes`` say why."""
    cost_breakdown_usd: dict[str, float]
    power_w: Quantiles | None = None
    """Mean draw of the whole run; None where no power limit is known."""
    power_breakdown_w: dict[str, float] = Field(default_factory=dict)
    co2e_g_per_kwh: float | None = Field(default=None, ge=0)
    """Carbon intensity of the grid as the user gave it."""
    unknowns: tuple[str, ...]
    """Fields that were not known: the quantiles span their possibilities."""
    notes: tuple[str, ...] = ()
    provenance: Provenance

    def quantiles(self, resource: Resource) -> Quantiles | None:
        """The quantiles of a resource by its name."""
        owner = self.memory if hasattr(self.memory, resource) else self
        found = getattr(owner, resource)
        return found if isinstance(found, Quantiles) else None

    @property
    def energy_j(self) -> Quantiles | None:
        """Power times duration, low with low and high with high."""
        if self.power_w is None:
            return None
        power, duration = self.power_w, self.duration_s
        return Quantiles(p10=power.p10 * duration.p10, p50=power.p50 * duration.p50, p90=power.p90 * duration.p90)

    @property
    def co2e_g(self) -> Quantiles | None:
        """Greenhouse gases of the electricity, those of making the hardware left out; None for an unknown grid."""
        energy = self.energy_j
        return None if energy is None or self.co2e_g_per_kwh is None else energy.scale(self.co2e_g_per_kwh / KWH_J)

    @property
    def accelerator_hours(self) -> Quantiles:
        return self.duration_s.scale(self.num_accelerators / 3600.0)
