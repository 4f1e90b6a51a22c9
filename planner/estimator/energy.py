"""What a run draws: watts of its accelerators, hosts and building."""

from typing import NamedTuple

from planner.domain.accelerator import Cluster
from planner.domain.estimate import Quantiles

LOAD_RATIO = Quantiles(p10=0.55, p50=0.8, p90=0.98)
"""Mean draw of an accelerator over its power limit while it trains. Assumed, in the range of what is published: runs of
large models draw near the limit between dips (arXiv 2308.12908); carbon reports of Llama 2 and BLOOM take the limit
itself."""
HOST_RATIO = Quantiles(p10=0.2, p50=0.4, p90=0.8)
"""Processors, memory, network and fans over the accelerators' limit. Assumed: at most 0.82 for the whole DGX H100
(10.2 kW with 8 x 700 W on its data sheet), and about half of that in use."""


class Draw(NamedTuple):
    """Watts of a whole run, and what they leave out."""

    power_w: Quantiles | None
    breakdown_w: dict[str, float]
    note: str


def run_power(cluster: Cluster) -> Draw:
    """Mean draw of a run: accelerators + hosts, times the building's PUE where it is given.

    A CPU host's limit is that of its sockets; its memory and fans are in the host's part. Unknown without a power limit
    in the catalog, unless ``cluster.power.power_w`` says it.
    """
    power, count = cluster.power, cluster.count
    pue = power.pue_ratio if power is not None and power.pue_ratio is not None else None
    if power is not None and power.power_w is not None:
        computers = Quantiles.exact(power.power_w * count)
        rows = {"computers": computers.p50}
    elif cluster.accelerator.tdp_w is not None:
        limit_w = cluster.accelerator.tdp_w * count
        rows = {"accelerators": limit_w * LOAD_RATIO.p50, "hosts": limit_w * HOST_RATIO.p50}
        computers = Quantiles(
            p10=limit_w * (LOAD_RATIO.p10 + HOST_RATIO.p10),
            p50=sum(rows.values()),
            p90=limit_w * (LOAD_RATIO.p90 + HOST_RATIO.p90),
        )
    else:
        return Draw(
            None, {}, f"no energy: {cluster.accelerator.slug} has no published power; set cluster.power.power_w"
        )
    if pue is None:
        return Draw(computers, rows, "energy leaves out the building: set cluster.power.pue_ratio")
    rows["building"] = computers.p50 * (pue - 1)
    p50 = sum(rows.values())
    return Draw(Quantiles(p10=min(computers.p10 * pue, p50), p50=p50, p90=max(computers.p90 * pue, p50)), rows, "")
