"""The network that a cluster's instances have, where the run does not say it."""

from collections.abc import Iterable

from planner.catalog.load import Catalog
from planner.domain.accelerator import Cluster
from planner.domain.instance_type import InstanceType
from planner.domain.run_config import RunConfig


def instance_network_bytes_per_s(cluster: Cluster, instances: Iterable[InstanceType]) -> float | None:
    """Share of one accelerator in its instance's network, one way; None where provider and instance type do not tell.

    Without an instance type that of the provider's largest instances with the accelerator, the fastest of several: runs
    over several nodes take whole ones.
    """
    if cluster.provider is None and cluster.instance_type is None:
        return None
    fitting = [
        one
        for one in instances
        if one.accelerator == cluster.accelerator.slug
        and one.network_bytes_per_s is not None
        and cluster.provider in (None, one.provider)
        and cluster.instance_type in (None, one.instance_type)
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda one: (one.num_accelerators, one.network_bytes_per_s))
    return best.network_bytes_per_s_per_accelerator


def with_instance_network(config: RunConfig, catalog: Catalog) -> RunConfig:
    """The run with its instances' network, where it spans nodes and states none."""
    cluster = config.cluster
    if cluster is None or cluster.num_nodes == 1 or cluster.inter_node_bytes_per_s_per_accelerator is not None:
        return config
    found = instance_network_bytes_per_s(cluster, catalog.instances)
    if found is None:
        return config
    told = cluster.model_copy(update={"inter_node_bytes_per_s_per_accelerator": found})
    return config.model_copy(update={"cluster": told})
