from planner.catalog.instance_network import instance_network_bytes_per_s, with_instance_network
from planner.catalog.load import load_catalog
from planner.domain.accelerator import Cluster
from planner.domain.run_config import RunConfig

CATALOG = load_catalog()
H100 = CATALOG.accelerators["h100-sxm-80gb"]


def cluster(**fields: object) -> Cluster:
    return Cluster.model_validate({"accelerator": H100, "count": 32, **fields})


def test_a_named_instance_type_says_its_network() -> None:
    found = instance_network_bytes_per_s(cluster(provider="aws", instance_type="p5.48xlarge"), CATALOG.instances)
    assert found == 3200e9 / 8 / 8


def test_a_provider_means_its_largest_instances() -> None:
    by_name = instance_network_bytes_per_s(cluster(provider="aws", instance_type="p5.48xlarge"), CATALOG.instances)
    assert instance_network_bytes_per_s(cluster(provider="aws"), CATALOG.instances) == by_name


def test_neither_provider_nor_instance_type_says_nothing() -> None:
    assert instance_network_bytes_per_s(cluster(), CATALOG.instances) is None
    assert instance_network_bytes_per_s(cluster(provider="nobody"), CATALOG.instances) is None


def test_only_a_run_over_nodes_that_states_no_network_is_told_one() -> None:
    def network(**fields: object) -> float | None:
        config = RunConfig(cluster=cluster(provider="aws", **fields))
        found = with_instance_network(config, CATALOG).cluster
        assert found is not None
        return found.inter_node_bytes_per_s_per_accelerator

    assert network() == 50e9
    assert network(count=8) is None
    assert network(inter_node_bytes_per_s_per_accelerator=1e9) == 1e9
