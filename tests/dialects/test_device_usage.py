from collections.abc import Callable

import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import GpuUsage, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.programme import HardwareRule

MakeFacts = Callable[..., RunFacts]


def rules(catalog: Catalog, count: int) -> list[HardwareRule]:
    return [HardwareRule.model_validate({"cluster": {"accelerator": catalog.accelerators["l4-24gb"], "count": count}})]


def card(index: int, *, watts: float = 50.0, sampled_s: float = 100.0, memory: float = 5e9) -> GpuUsage:
    return GpuUsage("", index, memory, 24e9, 72.0, 0.5, 11, sampled_s, 10.0, memory, watts * sampled_s)


def test_energy_is_mean_power_over_the_whole_run_and_all_accelerators(catalog: Catalog, hf_facts: MakeFacts) -> None:
    """Two of four cards were sampled for 100 of 120 s, at 50 and 70 W."""
    run = interpret(hf_facts(gpus=(card(0), card(1, watts=70.0))), catalog, rules(catalog, 4))
    assert run.actual.energy_j == pytest.approx(60.0 * 120.0 * 4)
    assert (run.actual.utilization_ratio, run.actual.device_sampling_gap_s) == (0.5, 10.0)


def test_a_short_sample_gives_no_energy(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(gpus=(card(0, sampled_s=30.0),)), catalog, rules(catalog, 1))
    assert run.actual.energy_j is None
    assert "cover 30 of 120 s" in run.origins["actual.energy_j"].rule


def test_of_a_shared_host_only_the_fullest_cards_count(catalog: Catalog, hf_facts: MakeFacts) -> None:
    gpus = (card(0, memory=1e9, watts=10.0), card(1, memory=9e9))
    run = interpret(hf_facts(gpus=gpus), catalog, rules(catalog, 1))
    assert run.actual.peak_device_bytes == 9e9
    assert run.actual.energy_j == pytest.approx(50.0 * 120.0)


def test_hosts_say_what_they_hold_and_write(catalog: Catalog, hf_facts: MakeFacts) -> None:
    actual = interpret(hf_facts(host_max_memory_bytes=3e10, disk_growth_bytes=-5e6), catalog).actual
    assert (actual.host_sampled_bytes, actual.disk_growth_bytes) == (3e10, -5e6)
