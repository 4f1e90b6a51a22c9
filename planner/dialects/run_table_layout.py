"""How the accelerators of a row of a run table share the work."""

from typing import Any, NamedTuple

from planner.dialects.run_table_cells import Cells
from planner.dialects.run_table_hardware import Hardware
from planner.domain.parallelism import Parallelism


class Sharding(NamedTuple):
    """What a word of the sharding column means."""

    zero_stage: int
    in_node: bool = False
    """Divided inside a node, repeated between nodes."""
    pipeline: bool = False
    """No data parallelism: the layers lie on the accelerators one after the other."""


SHARDINGS = {
    "none": Sharding(0),
    "ddp": Sharding(0),
    "zero1": Sharding(1),
    "distributed_optimizer": Sharding(1),
    "zero1_node": Sharding(1, in_node=True),
    "zero2": Sharding(2),
    "fsdp_grad_op": Sharding(2),
    "zero3": Sharding(3),
    "fsdp": Sharding(3),
    "fsdp2": Sharding(3),
    "hsdp": Sharding(3, in_node=True),
    "naive_pipeline": Sharding(0, pipeline=True),
}


def read_parallelism(cells: Cells, hardware: Hardware) -> Parallelism:
    """The layout. Sizes not stated are 1; a sharding not stated is unknown unless one rank has nothing to divide."""
    count, per_node = hardware.cluster.count, hardware.cluster.accelerator.accelerators_per_node
    sizes = {name: cells.count(name) or 1 for name in ("tp", "pp", "cp", "ep")}
    sizes["tp"] = -(-sizes["tp"] // hardware.cores_per_chip)
    sharding = cells.word("sharding", SHARDINGS)
    fields: dict[str, Any] = {
        **sizes,
        "zero_stage": None if sharding is None else sharding.zero_stage,
        "sequence_parallel": cells.flag("sequence_parallel"),
        "tp_overlap": cells.flag("tp_overlap"),
        "cpu_offload": cells.flag("cpu_offload") or False,
    }
    if sharding is not None and sharding.pipeline:
        fields |= {"pp": count, "pipeline_schedule": "sequential"}
    ranks = count // (fields["tp"] * fields["pp"] * fields["cp"])
    in_node = max(1, min(per_node, count) // (fields["tp"] * fields["pp"] * fields["cp"]))
    if sharding is None and ranks <= 1:
        fields["zero_stage"] = 0
    if sharding is not None and sharding.in_node and ranks > 0 and ranks % in_node == 0:
        fields["dp_shard"] = in_node
    return Parallelism.model_validate(fields)
