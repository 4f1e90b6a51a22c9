from collections.abc import Callable

import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import GpuUsage, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.accelerator import Cluster
from planner.domain.programme import HardwareRule
from planner.units import GIB

MakeFacts = Callable[..., RunFacts]


def gpu(total_gib: float, limit_w: float | None, used_gib: float = 30) -> GpuUsage:
    return GpuUsage("", 0, used_gib * GIB, total_gib * GIB, limit_w, 0.9)


def speed(samples_per_second: float, runtime_s: float = 100.0) -> dict[str, float]:
    return {"train_samples_per_second": samples_per_second, "train_runtime": runtime_s}


@pytest.mark.parametrize(
    ("total_gib", "limit_w", "slug"),
    [
        (79.6, 700, "h100-sxm-80gb"),
        (45, 350, "l40s-48gb"),
        (22.5, 72, "l4-24gb"),
        (80, 300, "a100-pcie-80gb"),
        (15, 70, "t4-16gb"),
        (22.5, 300, "a10g-24gb"),
    ],
)
def test_memory_and_power_limit_name_the_card(
    catalog: Catalog, hf_facts: MakeFacts, total_gib: float, limit_w: float, slug: str
) -> None:
    run = interpret(hf_facts(metrics=speed(0.8), gpus=(gpu(total_gib, limit_w),)), catalog)
    assert run.config.cluster is not None
    assert (run.config.cluster.accelerator.slug, run.config.cluster.count) == (slug, 1)
    assert run.origins["cluster"].kind == "inferred"


def test_cards_that_an_estimate_cannot_tell_apart_are_one(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(metrics=speed(0.8), gpus=(gpu(80, 400),)), catalog)
    assert run.config.cluster is not None
    assert run.config.cluster.accelerator.slug == "a100-80gb"
    assert "a100-sxm-80gb" in run.origins["cluster"].rule


def test_cards_that_differ_are_unknown_and_all_named(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(metrics=speed(0.8), gpus=(gpu(80, None),)), catalog)
    assert run.config.cluster is None
    assert "a100-pcie-80gb" in run.origins["cluster"].rule
    assert "hardware" in (run.problem or "")


def test_a_card_that_no_catalog_holds_is_unknown(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(metrics=speed(0.8), gpus=(gpu(7, 50),)), catalog)
    assert run.config.cluster is None
    assert "nothing in the catalog" in run.origins["cluster"].rule


@pytest.mark.parametrize(("samples_per_second", "ranks"), [(0.8, 1), (6.4, 8), (6.35, 8), (5.0, None), (0.1, None)])
def test_ranks_are_samples_per_step_over_the_batch_of_one_rank(
    catalog: Catalog, hf_facts: MakeFacts, samples_per_second: float, ranks: int | None
) -> None:
    run = interpret(hf_facts(metrics=speed(samples_per_second), gpus=(gpu(79.6, 700),)), catalog)
    assert (run.config.cluster.count if run.config.cluster else None) == ranks


def test_model_parallel_sizes_multiply_the_ranks(catalog: Catalog, hf_facts: MakeFacts) -> None:
    params = {"parallelism_config": "{'tp_size': 4, 'cp_size': 1}"}
    run = interpret(hf_facts(params, metrics=speed(1.6), gpus=(gpu(79.6, 700),)), catalog)
    assert run.config.cluster is not None
    assert (run.config.cluster.count, run.config.parallelism.tp) == (8, 4)


def test_a_run_that_stopped_early_tells_no_ranks(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts({"max_steps": "1000"}, metrics=speed(80.0), gpus=(gpu(79.6, 700),)), catalog)
    assert run.config.cluster is None


def test_speeds_too_small_for_their_three_decimals_tell_no_ranks(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(metrics=speed(0.001, 80_000.0), gpus=(gpu(79.6, 700),)), catalog)
    assert run.config.cluster is None


def test_the_users_rule_goes_before_what_was_sampled(catalog: Catalog, hf_facts: MakeFacts) -> None:
    rules = [
        HardwareRule(experiments="other-*", cluster=Cluster(accelerator=catalog.accelerators["t4-16gb"])),
        HardwareRule(experiments="ch*", cluster=Cluster(accelerator=catalog.accelerators["l4-24gb"], count=4)),
    ]
    run = interpret(hf_facts(metrics=speed(0.8), gpus=(gpu(79.6, 700),)), catalog, rules)
    assert run.config.cluster == rules[1].cluster
    assert run.origins["cluster"].kind == "user_rule"


def test_a_run_on_the_cpu_has_one_host(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts({"use_cpu": "True"}), catalog)
    assert run.config.cluster is not None
    assert (run.config.cluster.accelerator.slug, run.config.cluster.count) == ("cpu-generic", 1)


def test_each_process_on_the_cpu_is_a_device_so_that_steps_keep_their_tokens(
    catalog: Catalog, hf_facts: MakeFacts
) -> None:
    run = interpret(hf_facts({"use_cpu": "True"}, metrics=speed(1.6)), catalog)
    assert run.config.cluster is not None
    assert (run.config.cluster.count, run.config.data_parallel) == (2, 2)


def test_without_any_sign_the_message_says_what_to_add(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(), catalog)
    assert run.config.cluster is None
    assert "foretune.yaml" in (run.problem or "")
