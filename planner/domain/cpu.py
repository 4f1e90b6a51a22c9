"""A server CPU as its data sheet describes it, and what it is as an accelerator."""

from typing import Literal

from pydantic import Field

from planner.domain import Frozen
from planner.domain.accelerator import Accelerator, Dtype


class Cpu(Frozen):
    """One socket. Its peak is cores x clock x what a core does in a cycle."""

    slug: str = Field(min_length=1, max_length=100)
    name: str
    vendor: str
    cores: int = Field(gt=0, le=4096)
    vector_bits: int = Field(gt=0, le=4096)
    """Width of one vector pipe."""
    flop_per_cycle: dict[Dtype, float]
    """Of one core: pipes x lanes x 2 for a fused multiply-add, or those of its matrix unit."""
    clock_hz: float = Field(gt=0)
    """The base clock: what all cores hold under vector load."""
    memory_bytes: float = Field(gt=0)
    memory_bandwidth_bytes_per_s: float = Field(gt=0)
    tdp_w: float | None = Field(default=None, gt=0)
    confidence: Literal["confirmed", "unsure"] = "unsure"
    source_url: str
    retrieved_on: str
    note: str = ""

    @property
    def peak_flop_per_s(self) -> dict[Dtype, float]:
        return {dtype: flop * self.cores * self.clock_hz for dtype, flop in self.flop_per_cycle.items()}

    def as_accelerator(self) -> Accelerator:
        """One host with this CPU. Never better known than ``unsure``: no vendor publishes the peak of a CPU."""
        return Accelerator(
            slug=self.slug,
            name=self.name,
            vendor=self.vendor,
            kind="cpu",
            memory_bytes=self.memory_bytes,
            memory_bandwidth_bytes_per_s=self.memory_bandwidth_bytes_per_s,
            peak_flop_per_s=self.peak_flop_per_s,
            link_bytes_per_s=0.0,
            link_type="none",
            accelerators_per_node=1,
            tdp_w=self.tdp_w,
            confidence="unsure",
            source_url=self.source_url,
            retrieved_on=self.retrieved_on,
        )
