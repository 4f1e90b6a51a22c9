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
