"""Dialects whose libraries do not install on a CPU: names from their sources, as the modules say."""

import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.training_run import TrainingRun
from planner.units import GIB
from tests.dialects.conftest import HF_PARAMS

COMPOSER = {
    "max_duration": "3ep", "global_train_batch_size": "64", "device_train_microbatch_size": "4", "max_seq_len": "4096",
    "num_nodes": "1", "num_gpus_per_node": "8", "precision": "amp_bf16", "save_interval": "500ba",
    "save_num_checkpoints_to_keep": "2",
    "model": "{'name': 'hf_causal_lm', 'pretrained_model_name_or_path': 'meta-llama/Llama-3.1-8B', "
             "'peft_config': {'peft_type': 'LORA', 'r': 16, 'target_modules': ['q_proj', 'v_proj']}}",
    "fsdp_config": "{'sharding_strategy': 'FULL_SHARD', 'activation_checkpointing': True}",
    "optimizer": "{'name': 'decoupled_adamw', 'lr': 1e-05}",
    "train_loader": "{'dataset': {'packing_ratio': 'auto'}}",
}  # fmt: skip
LITGPT = {
    "checkpoint_dir": "checkpoints/meta-llama/Llama-3.2-1B", "precision": "bf16-true", "devices": "2", "num_nodes": "1",
    "lora_r": "8", "lora_query": "True", "lora_key": "False", "lora_value": "True", "lora_projection": "False",
    "lora_mlp": "False", "quantize": "bnb.nf4", "train/global_batch_size": "16", "train/micro_batch_size": "4",
    "train/max_seq_length": "512", "train/epochs": "3", "train/save_interval": "200", "optimizer": "AdamW",
}  # fmt: skip
MEGATRON = {
    "model.num_layers": "32", "model.hidden_size": "4096", "model.num_attention_heads": "32",
    "model.num_query_groups": "8", "model.ffn_hidden_size": "14336", "model.vocab_size": "128256",
    "model.gated_linear_unit": "True", "model.tensor_model_parallel_size": "2",
    "model.pipeline_model_parallel_size": "2", "model.context_parallel_size": "1", "model.sequence_parallel": "True",
    "model.seq_length": "8192", "model.recompute_granularity": "selective", "train.micro_batch_size": "1",
    "train.global_batch_size": "32", "train.train_iters": "1000", "ddp.use_distributed_optimizer": "True",
    "optimizer.optimizer": "adam", "checkpoint.save_interval": "250", "checkpoint.async_save": "True",
    "mixed_precision": "bf16_mixed",
}  # fmt: skip


def run_of(
    catalog: Catalog, params: dict[str, str], metrics: dict[str, float] | None = None, **given: object
) -> TrainingRun:
    points = {name: MetricPoint(value, 100) for name, value in (metrics or {}).items()}
    facts = RunFacts("s", "r", "chat", "run", "FINISHED", None, None, params=params, metrics=points)
    for name, value in given.items():
        object.__setattr__(facts, name, value)
    return interpret(facts, catalog)


def test_llm_foundry_keeps_dictionaries_in_text(catalog: Catalog) -> None:
    run = run_of(catalog, COMPOSER, {"throughput/device/tokens_per_sec": 5000.0, "memory/peak_reserved_mem": 40.0})
    config = run.config
    assert run.dialect == "composer"
    assert config.model == catalog.models["llama-3.1-8b"]
    assert config.lora is not None
    assert (config.method, config.lora.rank, config.lora.targets) == ("lora", 16, ("q_proj", "v_proj"))
    assert (config.seq_len, config.micro_batch_size, config.gradient_accumulation_steps) == (4096, 4, 2)
    assert (config.epochs, config.batching, config.optimizer) == (3.0, "packed", "adamw")
    assert (config.parallelism.zero_stage, config.activation_checkpointing) == (3, "full")
    assert (config.checkpoints.every_steps, config.checkpoints.keep_last) == (500, 2)
    assert config.precision is not None
    assert config.precision.amp
    assert (run.actual.tokens_per_s_per_accelerator, run.actual.peak_reserved_bytes) == (5000.0, 40e9)


def test_litgpt_logs_sections_with_slashes(catalog: Catalog) -> None:
    config = run_of(catalog, LITGPT).config
    assert config.model == catalog.models["llama-3.2-1b"]
    assert config.lora is not None
    assert (config.method, config.base_quantization, config.lora.rank) == ("qlora", "nf4", 8)
    assert config.lora.targets == ("q_proj", "v_proj")
    assert (config.micro_batch_size, config.gradient_accumulation_steps, config.seq_len) == (4, 2, 512)
    assert (config.epochs, config.checkpoints.every_steps, config.framework) == (3.0, 200, "litgpt")


def test_megatron_bridge_tells_its_world_size_by_its_flop(catalog: Catalog) -> None:
    speeds = {"throughput/tflops": 6400.0, "throughput/tflops_per_device": 400.0}
    config = run_of(catalog, MEGATRON, speeds).config
    assert config.model is not None
    assert (config.model.num_layers, config.model.num_kv_heads, config.model.ffn_dim) == (32, 8, 14336)
    assert (config.parallelism.tp, config.parallelism.pp, config.parallelism.zero_stage) == (2, 2, 1)
    assert config.gradient_accumulation_steps == 32 // (16 // 4)
    assert (config.seq_len, config.max_steps, config.method) == (8192, 1000, "full")
    assert (config.activation_checkpointing, config.checkpoints.asynchronous) == ("selective", True)


def test_adapters_of_fused_modules_are_counted_as_fused(catalog: Catalog) -> None:
    """Fused q, k, v of Llama 3.1 8B: one input of 4096, outputs of 4096 + 2 x 1024."""
    params = {**MEGATRON, "peft.dim": "8", "peft.target_modules": "['linear_qkv']"}
    config = run_of(catalog, params).config
    assert config.lora is not None
    assert config.lora.targets == ("q_proj", "k_proj", "v_proj")
    assert config.trainable_params == 32 * 8 * (4096 + 4096 + 2 * 1024)


@pytest.mark.parametrize(
    ("params", "framework"),
    [
        (
            {"multipack_real_batches": "False", "sample_packing": "True", "max_length": "4096", "qlora": "True"},
            "axolotl",
        ),
        ({"ray_num_workers": "1", "placement_strategy": "PACK"}, "llama-factory"),
        ({"acc_strategy": "token", "check_model": "True", "train_type": "lora"}, "ms-swift"),
        ({"unsloth_version": "2026.10.1", "packing": "False", "gradient_checkpointing": "unsloth"}, "unsloth"),
    ],
)
def test_what_builds_on_the_trainer_is_told_by_its_own_arguments(
    catalog: Catalog, params: dict[str, str], framework: str
) -> None:
    run = run_of(catalog, {**HF_PARAMS, **params})
    assert run.config.framework == framework
    assert run.dialect.startswith("hf_trainer+")
    if framework == "axolotl":
        assert (run.config.batching, run.config.seq_len, run.config.method) == ("packed", 4096, "qlora")
    if framework == "ms-swift":
        assert run.config.method == "lora"
    if framework == "unsloth":
        assert (run.config.loss, run.config.activation_checkpointing) == ("fused_linear_ce", "offloaded")


def test_axolotl_speeds_and_peaks_are_read(catalog: Catalog) -> None:
    metrics = {"memory/max_allocated _GiB_": 20.0, "tokens/train_per_sec_per_gpu": 3000.0}
    run = run_of(catalog, {**HF_PARAMS, "multipack_real_batches": "True"}, metrics)
    assert (run.actual.peak_allocated_bytes, run.actual.tokens_per_s_per_accelerator) == (20 * GIB, 3000.0)


def test_a_deepspeed_configuration_in_text(catalog: Catalog) -> None:
    text = "{'zero_optimization': {'stage': 3, 'offload_optimizer': {'device': 'nvme'}}, 'bf16': {'enabled': True}}"
    parallelism = run_of(catalog, {**HF_PARAMS, "deepspeed": text}).config.parallelism
    assert (parallelism.zero_stage, parallelism.cpu_offload, parallelism.nvme_offload) == (3, False, True)


@pytest.mark.parametrize(
    ("node", "workers", "slug", "count"),
    [("g5.12xlarge", 2, "a10g-24gb", 8), ("Standard_NC96ads_A100_v4", 0, "a100-pcie-80gb", 4)],
)
def test_a_databricks_cluster_is_its_instances(
    catalog: Catalog, node: str, workers: int, slug: str, count: int
) -> None:
    info = f'{{"node_type_id": "{node}", "driver_node_type_id": "{node}", "num_workers": {workers}}}'
    run = run_of(catalog, HF_PARAMS, tags={"mlflow.databricks.cluster.info": info})
    assert run.config.cluster is not None
    assert (run.config.cluster.accelerator.slug, run.config.cluster.count) == (slug, count)
    assert run.origins["cluster"].kind == "tag"


def test_an_instance_type_that_is_not_listed_is_unknown(catalog: Catalog) -> None:
    info = '{"node_type_id": "z9.huge", "num_workers": 1}'
    run = run_of(catalog, HF_PARAMS, tags={"mlflow.databricks.cluster.info": info})
    assert run.config.cluster is None
