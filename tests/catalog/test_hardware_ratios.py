"""Figures of different data sheets held against each other: a slip of a unit or a factor of two shows as a ratio."""

from collections import Counter

import pytest

from planner.catalog.load import load_catalog
from planner.domain.accelerator import Accelerator
from planner.domain.cpu import Cpu
from planner.domain.instance_type import InstanceType
from planner.units import GIB, TERA

CATALOG = load_catalog()
DEVICES = [device for device in CATALOG.accelerators.values() if device.kind != "cpu"]
NARROW_FP8 = {"trn3"}
"""MXFP8 at nearly four times the bf16 rate, as its documentation says."""


def of(device: Accelerator) -> str:
    return device.slug


@pytest.mark.parametrize("device", DEVICES, ids=of)
def test_peaks_grow_by_known_factors_as_dtypes_shrink(device: Accelerator) -> None:
    peak = device.peak_flop_per_s
    bounds = {
        ("fp4", "fp8"): (0.99, 4.05),  # consumer cards: fp8 accumulates in fp32 at half speed
        ("fp8", "bf16"): (0.99, 2.05 if device.slug not in NARROW_FP8 else 3.8),
        ("bf16", "tf32"): (0.99, 4.05),
        ("bf16", "fp16"): (0.49, 1.01),
        ("bf16", "fp32"): (1.99, 32.0),
        ("fp16", "fp32"): (0.99, 32.0),
    }
    for (narrow, wide), (low, high) in bounds.items():
        if narrow in peak and wide in peak:
            assert low <= peak[narrow] / peak[wide] <= high, (narrow, wide)


@pytest.mark.parametrize("device", DEVICES, ids=of)
def test_memory_is_read_in_sane_time_and_feeds_a_sane_number_of_flops(device: Accelerator) -> None:
    whole_memory_s = device.memory_bytes / device.memory_bandwidth_bytes_per_s
    assert 0.009 < whole_memory_s < 0.5
    flop_per_byte = max(device.peak_flop_per_s.get(d, 0.0) for d in ("bf16", "fp16")) / (
        device.memory_bandwidth_bytes_per_s
    )
    assert 20 < flop_per_byte < 620


@pytest.mark.parametrize("device", [d for d in DEVICES if d.tdp_w], ids=of)
def test_a_watt_buys_what_its_generation_can(device: Accelerator) -> None:
    assert device.tdp_w is not None
    assert 50 <= device.tdp_w <= 1500
    best = max(device.peak_flop_per_s.get(d, 0.0) for d in ("bf16", "fp16"))
    assert 0.05 * TERA < best / device.tdp_w < 2.6 * TERA
    assert 0.7e9 < device.memory_bandwidth_bytes_per_s / device.tdp_w < 13e9


@pytest.mark.parametrize("device", DEVICES, ids=of)
def test_links_are_slower_than_memory(device: Accelerator) -> None:
    if device.link_bytes_per_s:
        assert device.link_bytes_per_s < device.memory_bandwidth_bytes_per_s
        assert device.link_bytes_per_s >= 2e10


@pytest.mark.parametrize("device", DEVICES, ids=of)
def test_the_memory_is_that_of_the_name(device: Accelerator) -> None:
    size = device.slug.rsplit("-", 1)[-1]
    if size.endswith("gb") and size[:-2].isdigit():
        assert 0.9 <= device.memory_bytes / GIB / float(size[:-2]) <= 1.005


@pytest.mark.parametrize("cpu", CATALOG.cpus.values(), ids=lambda cpu: cpu.slug)
def test_a_core_does_what_its_vector_pipes_allow(cpu: Cpu) -> None:
    """fp32 lanes x 2 for multiply-add x pipes: between one and four pipes."""
    pipes = cpu.flop_per_cycle["fp32"] / (cpu.vector_bits / 32 * 2)
    assert pipes in (1, 2, 4)
    assert cpu.flop_per_cycle.get("bf16", 64) >= 2 * cpu.flop_per_cycle["fp32"] or "bf16" not in cpu.flop_per_cycle
    assert 1e9 < cpu.clock_hz < 6e9
    assert cpu.as_accelerator().peak_flop_per_s == cpu.peak_flop_per_s


@pytest.mark.parametrize("cpu", CATALOG.cpus.values(), ids=lambda cpu: cpu.slug)
def test_a_core_gets_one_to_fifteen_gigabytes_a_second(cpu: Cpu) -> None:
    assert 1e9 < cpu.memory_bandwidth_bytes_per_s / cpu.cores < 15e9
    if cpu.tdp_w:
        assert 2 < cpu.tdp_w / cpu.cores < 12


def test_cpus_known_by_measured_clocks_match_published_peaks() -> None:
    """Two peaks worked out by hand: 56 x 2.0e9 x 2048 and 96 x 2.4e9 x 32."""
    assert CATALOG.accelerators["cpu-xeon-8480"].peak_flop_per_s["bf16"] == pytest.approx(229.4 * TERA, rel=1e-3)
    assert CATALOG.accelerators["cpu-epyc-9654"].peak_flop_per_s["fp32"] == pytest.approx(7.37 * TERA, rel=1e-3)


def name(instance: InstanceType) -> str:
    return f"{instance.provider}-{instance.instance_type}"


@pytest.mark.parametrize("instance", CATALOG.instances, ids=name)
def test_an_instance_is_built_around_its_accelerators(instance: InstanceType) -> None:
    device = CATALOG.accelerators[instance.accelerator]
    each = instance.num_accelerators
    assert each in (1, 2, 4, 6, 8, 12, 16)
    assert 2 <= instance.vcpus / each <= 80
    held_by_accelerators = each * device.memory_bytes
    assert 0.4 < instance.host_memory_bytes / held_by_accelerators < 40
    if instance.local_nvme_bytes:
        assert 2e10 < instance.local_nvme_bytes / each < 1e13


@pytest.mark.parametrize("instance", CATALOG.instances, ids=name)
def test_the_network_is_slower_than_the_links_inside(instance: InstanceType) -> None:
    device, network = CATALOG.accelerators[instance.accelerator], instance.network_bytes_per_s_per_accelerator
    if network is None:
        return
    assert 0.1e9 < network <= 100e9  # up to 800 Gbit/s an accelerator
    assert device.link_bytes_per_s is not None
    assert network < device.link_bytes_per_s


def test_instances_of_a_family_grow_together() -> None:
    families: dict[tuple[str, str], list[InstanceType]] = {}
    for instance in CATALOG.instances:
        if instance.provider in ("aws", "gcp"):
            family = instance.instance_type.replace(".", "-").rsplit("-", 1)[0]
            families.setdefault((family, instance.accelerator), []).append(instance)
    for members in families.values():
        ordered = sorted(members, key=lambda member: (member.vcpus, member.host_memory_bytes))
        memory = [member.host_memory_bytes for member in ordered]
        network = [member.network_bytes_per_s or 0.0 for member in ordered if member.num_accelerators > 1]
        assert memory == sorted(memory), members[0].instance_type
        assert network == sorted(network), members[0].instance_type


def test_no_instance_is_given_twice() -> None:
    keys = Counter((instance.provider, instance.instance_type) for instance in CATALOG.instances)
    assert max(keys.values()) == 1


def test_prices_and_instances_agree_on_what_is_rented() -> None:
    instances = {(each.provider, each.instance_type): each for each in CATALOG.instances}
    compared = 0
    for price in CATALOG.prices.prices:
        instance = instances.get((price.provider, price.instance_type or ""))
        if instance is None or price.resource != "accelerator":
            continue
        assert price.accelerators_per_instance == instance.num_accelerators, price
        rented, priced = CATALOG.accelerators[instance.accelerator], CATALOG.accelerators[price.accelerator or ""]
        assert rented.memory_bytes == priced.memory_bytes, price  # a price may name a card of unknown form
        compared += 1
    assert compared > 100
