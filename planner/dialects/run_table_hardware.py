"""The hardware of a row of a run table."""

from dataclasses import dataclass

from planner.catalog.load import Catalog
from planner.dialects.run_table_cells import Cells
from planner.domain.accelerator import Accelerator, Cluster
from planner.units import GB, GIB, TERA

INTERCONNECTS = {name: name for name in ("none", "nvlink", "pcie", "neuronlink", "xgmi")}
PCIE_BYTES_PER_S = 64 * GB
"""PCIe 4.0 x16, both directions added up."""
CORES_PER_CHIP = {"trn1": 2, "trn2": 8}
"""Chips whose cores, not the chips, are what ``tp`` counts."""
UNKNOWN = Accelerator(
    slug="unknown",
    name="unknown accelerator",
    vendor="unknown",
    kind="gpu",
    memory_bytes=80 * GIB,
    memory_bandwidth_bytes_per_s=2000 * GB,
    peak_flop_per_s={"bf16": 300 * TERA, "fp16": 300 * TERA, "fp32": 20 * TERA},
)
"""Stands where an accelerator is not known, so that memory can be predicted; its speed and size are not used."""


@dataclass(frozen=True)
class Hardware:
    """The cluster of a row, and what its accelerator does not say."""

    cluster: Cluster
    speed_is_unknown: str | None
    """Why no speed can be predicted."""
    memory_is_unknown: str | None
    """Why no answer to fits or does not fit can be given."""
    cores_per_chip: int


def read_hardware(cells: Cells, catalog: Catalog) -> Hardware | str:
    """The hardware, or why it is not known."""
    count = cells.count("n_accel")
    if count is None:
        return "n_accel is not stated: memory and speed depend on what the accelerators divide"
    slug, memory_gib = cells.name("accelerator"), cells.positive("accelerator_memory_gib")
    accelerator, speed_is_unknown, memory_is_unknown = _accelerator(slug, memory_gib, catalog)
    if cells.word("interconnect", INTERCONNECTS) == "pcie" and (accelerator.link_type or "").startswith("nvlink"):
        accelerator = accelerator.model_copy(update={"link_type": "pcie4", "link_bytes_per_s": PCIE_BYTES_PER_S})
    nodes = cells.count("n_nodes")
    if nodes is not None and -(-count // accelerator.accelerators_per_node) != nodes:
        accelerator = accelerator.model_copy(update={"accelerators_per_node": -(-count // nodes)})
    network_gb_s = cells.positive("inter_node_gb_s_per_accel")
    cluster = Cluster(
        accelerator=accelerator,
        count=count,
        inter_node_bytes_per_s_per_accelerator=None if network_gb_s is None else network_gb_s * GB,
    )
    return Hardware(cluster, speed_is_unknown, memory_is_unknown, CORES_PER_CHIP.get(slug or "", 1))


def _accelerator(
    slug: str | None, memory_gib: float | None, catalog: Catalog
) -> tuple[Accelerator, str | None, str | None]:
    """The accelerator, why its speed is unknown, why its memory is."""
    sized = {} if memory_gib is None else {"memory_bytes": memory_gib * GIB}
    no_size = None if sized else "the accelerator's memory is not stated"
    known = catalog.accelerators.get(slug or "")
    if known is not None:
        return (known.model_copy(update=sized) if sized else known), None, None
    family = [entry for name, entry in catalog.accelerators.items() if slug and name.startswith(f"{slug}-")]
    if family:
        nearest = min(family, key=lambda entry: abs(entry.memory_bytes - (memory_gib or 80.0) * GIB))
        return nearest.model_copy(update=sized), None, no_size
    stated = f"accelerator {slug!r} is not in the catalog" if slug else "the accelerator is not stated"
    return UNKNOWN.model_copy(update=sized), f"{stated}: its speed is not known", no_size
