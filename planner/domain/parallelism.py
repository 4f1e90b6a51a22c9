"""How the accelerators of a run share its work."""

from typing import Literal

from pydantic import Field

from planner.domain import Frozen
from planner.domain.run_vocabulary import PipelineSchedule


class Parallelism(Frozen):
    """How the accelerators share the work. Data parallelism is what the other sizes leave over."""

    tp: int = Field(default=1, gt=0, le=65_536)
    """Tensor parallel size."""
    pp: int = Field(default=1, gt=0, le=65_536)
    """Pipeline parallel size."""
    pipeline_schedule: PipelineSchedule = "1f1b"
    virtual_stages: int = Field(default=1, gt=0, le=64)
    """Parts of the model on one pipeline rank, under the interleaved schedule (arXiv 2104.04473, section 2.2)."""
    cp: int = Field(default=1, gt=0, le=65_536)
    """Context (sequence) parallel size."""
    ep: int = Field(default=1, gt=0, le=65_536)
    """Expert parallel size, inside data parallelism."""
    zero_stage: Literal[0, 1, 2, 3] | None = 0
    """What data parallel ranks divide: 0 nothing (DDP), 1 optimizer states, 2 and gradients, 3 and weights (FSDP)."""
    dp_shard: int | None = Field(default=None, gt=0, le=1_000_000)
    """Ranks over which ZeRO divides; None means all data parallel ranks."""
    sequence_parallel: bool | None = None
    """Norms and residual divided by ``tp`` too; None where unknown, without meaning at tp 1."""
    tp_overlap: bool | None = None
    """Tensor parallel traffic runs beside the multiplications."""
    cpu_offload: bool = False
    """What ZeRO divides lies in host memory: optimizer states, at stage 3 weights too."""
    nvme_offload: bool = False
    """The same on local disks (arXiv 2104.07857)."""

    @property
    def model_parallel(self) -> int:
        return self.tp * self.pp * self.cp
