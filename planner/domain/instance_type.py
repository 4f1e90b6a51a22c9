"""What a cloud rents as one piece: a host with its accelerators."""

from datetime import date
from typing import Literal

from pydantic import Field

from planner.domain import Frozen


class InstanceType(Frozen):
    """One instance type of a provider. None where the provider does not say."""

    provider: str = Field(min_length=1, max_length=100)
    instance_type: str = Field(min_length=1, max_length=200)
    accelerator: str
    """Catalog name."""
    num_accelerators: int = Field(gt=0, le=1024)
    vcpus: int = Field(gt=0)
    host_memory_bytes: float = Field(gt=0)
    local_nvme_bytes: float | None = Field(default=None, ge=0)
    """Disks inside the host, gone with the instance."""
    network_bytes_per_s: float | None = Field(default=None, gt=0)
    """To other instances, all interfaces together, one way; RDMA where the instance has it."""
    intra_node_link: str
    confidence: Literal["confirmed", "unsure"] = "unsure"
    """Confirmed: vCPUs and memory were found equal in a second source."""
    source_url: str
    retrieved_on: date
    note: str = ""

    @property
    def network_bytes_per_s_per_accelerator(self) -> float | None:
        return None if self.network_bytes_per_s is None else self.network_bytes_per_s / self.num_accelerators
