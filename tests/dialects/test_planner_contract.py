import json
from collections.abc import Callable

import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.programme import HardwareRule
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual

MakeFacts = Callable[..., RunFacts]

WHOLE = {
    "model": "llama-3.1-8b", "method": "lora", "base_quantization": "none", "lora": {"rank": 16, "targets": "attn_all"},
    "trainable_params": 13_631_488, "precision": "bf16", "optimizer": "adamw_fused", "seq_len": 8192,
    "mean_tokens_per_sample": 900.0, "batching": "dynamic", "micro_batch_size": 2, "gradient_accumulation_steps": 8,
    "max_steps": 500, "epochs": 2.0, "train_tokens": 10**9, "dataset": {"rows": 1000, "tokens": 5, "size_bytes": 6},
    "activation_checkpointing": "selective", "attention": "flash", "loss": "chunked_ce",
    "parallelism": {"tp": 2, "pp": 2, "cp": 2, "ep": 1, "zero_stage": 1, "dp_shard": 2,
                    "sequence_parallel": True, "cpu_offload": True},
    "cluster": {"accelerator": "h100-sxm-80gb", "count": 16, "region": "eu", "usd_per_accelerator_hour": 2.5},
    "checkpoints": {"every_steps": 100, "keep_last": 3, "content": "full_state"},
    "framework": "own", "framework_version": "1",
}  # fmt: skip


def test_one_param_carries_every_field_of_a_configuration(catalog: Catalog, hf_facts: MakeFacts) -> None:
    whole = RunConfig.model_validate({"name": "run", **WHOLE}, context={"catalog": catalog})
    facts = hf_facts()
    facts.params.clear()
    facts.params["planner.run_config"] = json.dumps(WHOLE)
    run = interpret(facts, catalog)
    assert run.config == whole
    assert (run.dialect, run.problem) == ("planner", None)


def test_a_dumped_configuration_comes_back(catalog: Catalog, hf_facts: MakeFacts) -> None:
    whole = RunConfig.model_validate({"name": "run", **WHOLE}, context={"catalog": catalog})
    run = interpret(hf_facts({"planner.run_config": whole.model_dump_json()}), catalog)
    assert run.config == whole
    assert run.dialect == "hf_trainer+planner"


@pytest.mark.parametrize("kind", ["params", "tags"])
def test_single_names_go_before_what_the_framework_logged(catalog: Catalog, hf_facts: MakeFacts, kind: str) -> None:
    given = {
        "planner.method": "lora", "planner.lora_rank": "8", "planner.lora_targets": "q_proj+v_proj",
        "planner.seq_len": "2048",
        "planner.optimizer": "sgd", "planner.precision": "bf16-mixed", "planner.accelerator": "h100-sxm-80gb",
        "planner.num_accelerators": "8", "planner.zero_stage": "3", "planner.model": "llama-3.1-8b",
        "planner.trainable_params": "1000", "planner.dataset_rows": "77", "planner.checkpoint_every_steps": "9",
        "planner.sequence_parallel": "True",
    }  # fmt: skip
    run = interpret(hf_facts(given if kind == "params" else None, tags=given if kind == "tags" else {}), catalog)
    config = run.config
    assert config.lora is not None
    assert config.cluster is not None
    assert config.dataset is not None
    assert config.precision is not None
    assert (config.method, config.lora.rank, config.lora.targets) == ("lora", 8, ("q_proj", "v_proj"))
    assert (config.seq_len, config.optimizer, config.trainable_params) == (2048, "sgd", 1000)
    assert (config.cluster.accelerator.slug, config.cluster.count) == ("h100-sxm-80gb", 8)
    assert (config.parallelism.zero_stage, config.parallelism.sequence_parallel) == (3, True)
    assert (config.dataset.rows, config.checkpoints.every_steps) == (77, 9)
    assert (config.precision.weights_dtype, config.precision.amp) == ("fp32", True)
    assert run.origins["seq_len"].kind == ("tag" if kind == "tags" else "logged")


def test_what_was_measured_goes_before_what_follows_from_the_trainer(catalog: Catalog, hf_facts: MakeFacts) -> None:
    facts = hf_facts(metrics={"train_runtime": 100.0})
    stated = {name: float(place) for place, name in enumerate(Actual.model_fields, start=1)} | {
        "utilization_ratio": 0.5
    }
    for name, value in stated.items():
        facts.metrics[f"planner.{name}"] = MetricPoint(value, 0)
    assert interpret(facts, catalog).actual.model_dump() == stated


def test_a_stated_precision_is_not_corrected(catalog: Catalog, hf_facts: MakeFacts) -> None:
    given = {
        "planner.run_config": json.dumps({"method": "full", "precision": "bf16"}),
        "fsdp": "full_shard",
        "bf16": "True",
    }
    precision = interpret(hf_facts(given), catalog).config.precision
    assert precision is not None
    assert precision.weights_dtype == "bf16"


def test_a_value_that_cannot_be_is_skipped_and_named(catalog: Catalog, hf_facts: MakeFacts) -> None:
    given = {"planner.accelerator": "h900", "planner.optimizer": "magic", "planner.seq_len": "-4"}
    run = interpret(hf_facts(given, metrics={}), catalog)
    assert run.config.optimizer == "adamw"  # the framework's own, still good
    assert run.config.seq_len is None
    assert "h900" in run.origins["cluster"].rule or run.config.cluster is None


def test_defaults_of_a_configuration_yield_to_what_was_logged(catalog: Catalog, hf_facts: MakeFacts) -> None:
    config = interpret(hf_facts({"planner.run_config": '{"seq_len": 128}', "optim": "sgd"}), catalog).config
    assert (config.optimizer, config.gradient_accumulation_steps, config.parallelism.zero_stage) == ("sgd", 4, 0)


@pytest.mark.parametrize("text", ["[1, 2", "[]", "7", "null", '"text"', "{}"])
def test_a_configuration_that_is_none_does_no_harm(catalog: Catalog, hf_facts: MakeFacts, text: str) -> None:
    assert interpret(hf_facts({"planner.run_config": text}), catalog).config.micro_batch_size == 2


def test_a_users_rule_says_what_named_hardware_costs(catalog: Catalog, hf_facts: MakeFacts) -> None:
    def rule(slug: str) -> HardwareRule:
        given = {"accelerator": slug, "count": 4, "usd_per_accelerator_hour": 1.4, "region": "eu"}
        return HardwareRule.model_validate({"experiments": "*", "cluster": given}, context={"catalog": catalog})

    named = {"planner.accelerator": "h100-sxm-80gb", "planner.num_accelerators": "8", "planner.region": "us"}
    same = interpret(hf_facts(named), catalog, [rule("h100-sxm-80gb")])
    assert same.config.cluster is not None
    assert (same.config.cluster.count, same.config.cluster.usd_per_accelerator_hour) == (8, 1.4)
    assert (same.config.cluster.region, same.origins["cluster"].kind) == ("us", "logged")
    assert "hardware rule" in same.origins["cluster"].rule
    other = interpret(hf_facts(named), catalog, [rule("a100-sxm-80gb")])
    assert other.config.cluster is not None
    assert other.config.cluster.usd_per_accelerator_hour is None
