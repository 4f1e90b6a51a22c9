import pytest

from planner.catalog.device_names import cpu_named, gpu_named
from planner.catalog.load import load_catalog
from planner.units import GIB

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("name", "memory_gib", "slug"),
    [
        ("NVIDIA A100-SXM4-40GB", 39.4, "a100-sxm-40gb"),
        ("NVIDIA A100 80GB PCIe", 79.3, "a100-pcie-80gb"),
        ("NVIDIA A100-PCIE-40GB", 39.4, "a100-pcie-40gb"),
        ("NVIDIA H100 80GB HBM3", 79.1, "h100-sxm-80gb"),
        ("NVIDIA H100 PCIe", 79.2, "h100-pcie-80gb"),
        ("NVIDIA H100 NVL", 93.1, "h100-nvl-94gb"),
        ("NVIDIA H200", 139.8, "h200-sxm-141gb"),
        ("NVIDIA L4", 22.0, "l4-24gb"),
        ("NVIDIA L40S", 44.4, "l40s-48gb"),
        ("NVIDIA A10G", 22.2, "a10g-24gb"),
        ("Tesla T4", 14.6, "t4-16gb"),
        ("Tesla V100-SXM2-16GB", 15.8, "v100-sxm-16gb"),
        ("Tesla V100-SXM2-32GB", 31.7, "v100-32gb"),
        ("NVIDIA GeForce RTX 4090", 23.6, "rtx4090-24gb"),
        ("NVIDIA RTX 6000 Ada Generation", 47.4, "rtx6000-ada-48gb"),
        ("NVIDIA GH200 480GB", 95.0, "gh200-96gb"),
        ("NVIDIA B200", 178.4, "b200-180gb"),
        ("AMD Instinct MI300X", 191.7, "mi300x-192gb"),
    ],
)
def test_cards_as_drivers_call_them(name: str, memory_gib: float, slug: str) -> None:
    found = gpu_named(CATALOG, name, memory_gib * GIB)
    assert found is not None
    assert found.slug == slug


@pytest.mark.parametrize(("name", "memory_gib"), [("NVIDIA A100-SXM4-80GB MIG 3g.40gb", 39.5), ("X1", 80)])
def test_a_part_of_a_card_and_a_strange_one_are_none(name: str, memory_gib: float) -> None:
    assert gpu_named(CATALOG, name, memory_gib * GIB) is None


@pytest.mark.parametrize(
    ("name", "cores", "slug"),
    [
        ("AMD EPYC 9654 96-Core Processor", 192, "cpu-epyc-9654"),
        ("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", 80, "cpu-xeon-8380"),
        ("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", 8, "cpu-generic"),
        ("AMD EPYC", 2, "cpu-generic"),
        ("", 1, "cpu-1core"),
    ],
)
def test_a_cpu_counts_as_itself_only_with_all_its_cores(name: str, cores: int, slug: str) -> None:
    assert cpu_named(CATALOG, name, cores).slug == slug


def test_no_name_of_the_catalog_is_mistaken_for_another() -> None:
    for slug, entry in CATALOG.accelerators.items():
        if entry.kind == "gpu" and (found := gpu_named(CATALOG, entry.name, entry.memory_bytes)) is not None:
            assert found.slug.rpartition("-")[0].split("-")[0] == slug.rpartition("-")[0].split("-")[0], slug
