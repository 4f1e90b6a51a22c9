"""How fast devices reach each other: links inside a node or rack, the network between nodes."""

from planner.domain.accelerator import Accelerator
from planner.estimator.elementwise import larger, smaller, sometimes, where
from planner.estimator.hardware import for_each_accelerator
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload

RACK_DOMAIN: dict[str, int] = {"gb200": 72, "gb300": 72}
"""Devices that one switched link joins across hosts, by the first part of a catalog name (NVL72 racks)."""


def link_domain(run: Workload) -> int:
    """Devices that the fast link joins: a node, a rack, or a whole TPU slice."""
    accelerator = run.accelerator
    if (accelerator.link_type or "").startswith("ici"):
        return larger(run.num_devices, accelerator.accelerators_per_node)
    return rack_domain(accelerator)


@for_each_accelerator
def rack_domain(accelerator: Accelerator) -> int:
    """Devices of one switched link, across hosts where the rack has one."""
    return RACK_DOMAIN.get(accelerator.slug.split("-", maxsplit=1)[0], accelerator.accelerators_per_node)


def _known(rate: float | None, default: float) -> float:
    return default if rate is None else where(rate == 0, default, rate)


def link_bytes_per_s(run: Workload, c: ThroughputConstants) -> float:
    """One-way rate between the devices of a node; data sheets add up both directions."""
    return _known(run.accelerator.link_bytes_per_s, c.default_link_bytes_per_s) / 2.0


def network_bytes_per_s(run: Workload, c: ThroughputConstants) -> float:
    """One-way rate of one device's share of the network between nodes."""
    return _known(run.inter_node_bytes_per_s, c.default_inter_node_bytes_per_s)


def leaves_domain(run: Workload, ranks: int, inner: int) -> bool:
    """Whether a ring over ``ranks`` devices, ``inner`` apart, goes beyond the fast link."""
    return (ranks > 1) & (smaller(ranks * inner, run.num_devices) > link_domain(run))


def collective_bytes_per_s(run: Workload, ranks: int, inner: int, c: ThroughputConstants) -> float:
    """Rate of a ring over ``ranks`` devices that lie ``inner`` apart.

    Inside the fast link each has its own; where the ring leaves, it has the node's network, which the ``inner`` rings
    side by side share.
    """
    inside = c.link_ratio * link_bytes_per_s(run, c)
    leaves = leaves_domain(run, ranks, inner)
    if not sometimes(leaves):
        return inside
    per_node = link_domain(run)
    outside = c.network_ratio * network_bytes_per_s(run, c) * per_node / smaller(inner, per_node)
    return where(leaves, smaller(inside, outside), inside)
