"""A run with everything its store holds, before it is understood."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class MetricPoint(NamedTuple):
    """The latest point of a metric; ``value`` is None where the store holds NaN or an infinity."""

    value: float | None
    step: int | None


class GpuUsage(NamedTuple):
    """Samples of one GPU of a host. Maxima of samples are lower bounds of the peaks."""

    node: str
    gpu_index: int
    max_memory_bytes: float | None
    memory_total_bytes: float | None
    """From used bytes and their share of the total."""
    power_limit_w: float | None
    mean_utilization_ratio: float | None
    num_samples: int | None = None
    sampled_s: float | None = None
    """From the first sample to the last."""
    sampling_gap_s: float | None = None
    """Between two samples, in the median."""
    last_memory_bytes: float | None = None
    energy_j: float | None = None
    """Drawn between the first sample and the last."""


class MetricHistory(NamedTuple):
    """Points of a metric in the order of their steps; at most ``MAX_POINTS``, the first and the last among them."""

    steps: tuple[int, ...]
    timestamps_ms: tuple[int, ...]
    values: tuple[float | None, ...]


MAX_POINTS = 1000
"""Of a longer history every n-th point is kept."""
STEP_HISTORIES = (
    "loss", "train_loss", "train/loss", "train-loss", "loss/train/total", "lm loss", "train_loss_step",
    "reduced_train_loss",
)  # fmt: skip
"""Metrics logged as training goes on: their timestamps are those of the steps."""
EVALUATION_HISTORIES = (
    "eval_runtime",
    "eval_loss",
    "val_loss",
    "metrics/eval/LanguageCrossEntropy",
    "lm loss validation",
)
"""Metrics logged when an evaluation ends; the first holds its duration in seconds."""
END_HISTORIES = ("train_runtime", "total_flos")
"""Metrics whose last point is logged when the training loop ends."""
POINTS_READ = (*STEP_HISTORIES, *EVALUATION_HISTORIES)
"""Metrics of which every point is read; of the others the latest is enough."""
HISTORIES = (*POINTS_READ, *END_HISTORIES)


class LoggedInput(NamedTuple):
    name: str
    context: str | None
    num_rows: int | None


@dataclass(frozen=True)
class RunFacts:
    """One row of ``int_run_facts``."""

    source: str
    run_id: str
    experiment: str
    name: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, MetricPoint] = field(default_factory=dict)
    gpus: tuple[GpuUsage, ...] = ()
    inputs: tuple[LoggedInput, ...] = ()
    num_nodes: int | None = None
    """Nodes that logged system metrics."""
    network_bytes: float | None = None
    """Received and sent by these hosts while the run lasted, other programs included."""
    host_max_memory_bytes: float | None = None
    """Memory in use on the fullest of these hosts, largest sample, other programs included."""
    disk_growth_bytes: float | None = None
    """Disk space in use on these hosts at the end minus at the start, other programs included."""
    histories: dict[str, MetricHistory] = field(default_factory=dict)
    """Points of the metrics named in ``HISTORIES``; empty where the reader brings none."""
    artifacts: dict[str, str] = field(default_factory=dict)
    """Text files that were read, by their path in the run's artifacts: configurations and the ends of logs."""
    artifact_bytes: dict[str, int] = field(default_factory=dict)
    """Sizes of all files, by their path in the run's artifacts."""

    bill_usd: float | None = None
    """What the run cost by imported cloud bills."""
    num_charges: int = 0

    def metric(self, name: str) -> float | None:
        """The latest value of a metric; None where it is absent or not finite."""
        point = self.metrics.get(name)
        return None if point is None else point.value

    def positive(self, name: str) -> float | None:
        """The latest value of a metric where it is above 0."""
        value = self.metric(name)
        return value if value is not None and value > 0 else None
