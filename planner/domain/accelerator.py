"""Hardware: one accelerator, and the cluster a run asks for."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from planner.domain import Frozen
from planner.domain.lookup import look_up
from planner.domain.owned_price import OwnedPrice, Power

AcceleratorKind = Literal["gpu", "tpu", "npu", "cpu"]
Dtype = Literal["fp32", "tf32", "bf16", "fp16", "fp8", "fp4"]


class Accelerator(Frozen):
    """One device as its data sheet describes it. For a CPU: one host."""

    slug: str = Field(min_length=1, max_length=100)
    name: str
    vendor: str
    kind: AcceleratorKind
    memory_bytes: float = Field(gt=0)
    memory_bandwidth_bytes_per_s: float = Field(gt=0)
    peak_flop_per_s: dict[Dtype, float]
    """Dense (not sparse) peak of the matrix units, by dtype; an absent dtype is not supported or not published."""
    link_bytes_per_s: float | None = Field(default=None, ge=0)
    """Bandwidth to the other accelerators of the node, both directions added up."""
    link_type: str | None = None
    accelerators_per_node: int = Field(default=8, gt=0)
    tdp_w: float | None = Field(default=None, gt=0)
    confidence: Literal["confirmed", "unsure"] = "unsure"
    source_url: str | None = None
    retrieved_on: str | None = None


class Cluster(Frozen):
    """What a run asks for: how many accelerators of which kind, how joined and how paid."""

    accelerator: Accelerator
    """In YAML a catalog name (``h100-sxm-80gb``) or a full description."""
    count: int = Field(default=1, gt=0, le=1_000_000)
    inter_node_bytes_per_s_per_accelerator: float | None = Field(default=None, gt=0)
    """Network bandwidth between nodes for each accelerator, one way; None where unknown."""
    provider: str | None = None
    region: str | None = None
    pricing_category: Literal["Standard", "Dynamic", "Committed"] = "Standard"
    """FOCUS pricing category: on demand, spot, or reserved."""
    instance_type: str | None = Field(default=None, max_length=200)
    """Price of this instance type alone; None: at each provider the one that bills least."""
    storage_class: str | None = Field(default=None, max_length=200)
    """Storage product whose price holds, as the price book names it (``S3 Standard``); None: the cheapest."""
    usd_per_accelerator_hour: float | None = Field(default=None, ge=0, le=100_000)
    """Your own price; it goes before the price book."""
    owned: OwnedPrice | None = None
    """Your own machines: capital, power and space instead of a price; goes before the price book too."""
    power: Power | None = None

    @field_validator("accelerator", mode="before", json_schema_input_type=Accelerator | str)
    @classmethod
    def _by_name(cls, value: Any, info: ValidationInfo) -> Any:
        return look_up("accelerator", value, info)

    @property
    def num_nodes(self) -> int:
        return -(-self.count // self.accelerator.accelerators_per_node)
