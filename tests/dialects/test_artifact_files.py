import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.load import Catalog, load_catalog
from planner.dialects.config_text import read_config_text
from planner.dialects.counted_params import adapter_params
from planner.dialects.facts import RunFacts
from planner.dialects.interpret import interpret

MakeFacts = Callable[..., RunFacts]
PEFT = {"peft_type": "LORA", "r": 16, "target_modules": ["v_proj", "q_proj"], "rank_pattern": {}, "use_dora": False,
        "modules_to_save": ["lm_head"], "layers_to_transform": None}  # fmt: skip
AXOLOTL = """
base_model: meta-llama/Llama-3.1-8B
adapter: qlora
lora_r: 32
lora_target_linear: true
sequence_len: 4096
sample_packing: true
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 1
gradient_checkpointing: true
flash_attention: true
"""
LLAMA_FACTORY = """
model_name_or_path: meta-llama/Llama-3.1-8B
stage: dpo
finetuning_type: lora
lora_rank: 8
lora_target: all
cutoff_len: 2048
quantization_bit: 4
flash_attn: fa2
"""
SWIFT = {"model": "Qwen/Qwen2.5-0.5B", "train_type": "lora", "lora_rank": 8, "target_modules": ["all-linear"],
         "max_length": 2048, "packing": True, "attn_impl": "flash_attn"}  # fmt: skip


def test_an_adapters_own_configuration(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(artifacts={"checkpoint-5/adapter_config.json": json.dumps(PEFT)}), catalog)
    assert run.config.lora is not None
    assert (run.config.method, run.config.lora.rank, run.config.lora.targets) == ("lora", 16, ("q_proj", "v_proj"))
    assert run.config.lora.modules_to_save == ("head",)
    assert run.origins["lora.rank"].kind == "artifact"


@pytest.mark.parametrize(
    ("changed", "method", "adapter", "rank"),
    [
        ({"use_dora": True}, "lora", "dora", 16),
        ({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 20}, "adapter", "prompt_tuning", None),
        ({"peft_type": "IA3"}, "adapter", "ia3", None),
        ({"rank_pattern": {"q_proj": 4}}, "lora", "lora", None),
        ({"peft_type": "NOVEL"}, None, None, None),
    ],
)
def test_kinds_of_adapters(
    catalog: Catalog,
    hf_facts: MakeFacts,
    changed: dict[str, object],
    method: str | None,
    adapter: str | None,
    rank: int | None,
) -> None:
    config = interpret(hf_facts(artifacts={"adapter_config.json": json.dumps({**PEFT, **changed})}), catalog).config
    assert (config.method, config.adapter) == (method, adapter)
    assert (config.lora.rank if config.lora else None) == rank


def test_fused_modules_are_no_target_of_ours(catalog: Catalog, hf_facts: MakeFacts) -> None:
    fused = {**PEFT, "target_modules": ["query_key_value"]}
    config = interpret(hf_facts(artifacts={"adapter_config.json": json.dumps(fused)}), catalog).config
    assert config.lora is not None
    assert (config.lora.rank, config.lora.targets) == (16, None)


def test_axolotl_configuration(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(artifacts={"axolotl_config_x.yml": AXOLOTL}), catalog)
    config = run.config
    assert config.lora is not None
    assert (config.method, config.lora.rank, len(config.lora.targets or ())) == ("qlora", 32, 7)
    assert (config.seq_len, config.batching, config.micro_batch_size) == (4096, "packed", 2)
    assert (config.attention, config.activation_checkpointing, config.framework) == ("flash", "full", "axolotl")
    assert run.origins["seq_len"].kind == "artifact"


def test_llama_factory_configuration(catalog: Catalog, hf_facts: MakeFacts) -> None:
    config = interpret(hf_facts(artifacts={"train.yaml": LLAMA_FACTORY}), catalog).config
    assert config.lora is not None
    assert (config.method, config.base_quantization, config.lora.rank) == ("qlora", "nf4_dq", 8)
    assert (config.objective, config.seq_len, config.attention) == ("dpo", 2048, "flash")


def test_swift_arguments(catalog: Catalog, hf_facts: MakeFacts) -> None:
    config = interpret(hf_facts(artifacts={"args.json": json.dumps(SWIFT)}), catalog).config
    assert config.lora is not None
    assert (config.method, config.lora.rank, len(config.lora.targets or ())) == ("lora", 8, 7)
    assert (config.seq_len, config.batching, config.framework) == (2048, "packed", "ms-swift")


def test_a_deepspeed_file_tells_what_the_param_only_names(catalog: Catalog, hf_facts: MakeFacts) -> None:
    text = json.dumps({"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}})
    run = interpret(hf_facts({"deepspeed": "ds.json"}, artifacts={"ds.json": text}), catalog)
    assert (run.config.parallelism.zero_stage, run.config.parallelism.cpu_offload) == (2, True)
    assert run.origins["parallelism.zero_stage"].kind == "artifact"


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "a: &a [*a, *a]", "{" * 60_000, "- " * 30_000, "x" * 600_000, "a: !!python/object:x {}"]
)
def test_files_that_are_no_configuration_say_nothing(text: str) -> None:
    assert read_config_text(text) is None


@given(text=st.text(max_size=200))
def test_no_file_is_too_strange(text: str) -> None:
    read_config_text(text)


def test_checkpoints_are_counted_and_weighed(catalog: Catalog, hf_facts: MakeFacts) -> None:
    sizes = {
        "checkpoint-5/model.safetensors": 100, "checkpoint-5/optimizer.pt": 200, "checkpoint-10/model.safetensors": 100,
        "config.json": 7,
    }  # fmt: skip
    actual = interpret(hf_facts({"save_strategy": "epoch"}, artifact_bytes=sizes), catalog).actual
    assert (actual.num_checkpoints, actual.checkpoint_bytes) == (2, 300)


@pytest.mark.parametrize(("rank", "targets"), [(4, ("q_proj", "v_proj")), (64, ("gate_proj", "up_proj", "down_proj"))])
def test_the_size_of_a_saved_adapter_is_its_parameters(
    hf_facts: MakeFacts, rank: int, targets: tuple[str, ...]
) -> None:
    """fp32 numbers, and 126 bytes of header for each of two tensors a module: as PEFT 0.21 writes them."""
    catalog = load_catalog()
    model = interpret(hf_facts(), catalog).config.model
    assert model is not None
    params = adapter_params(model, targets, rank)
    size = 4 * params + 126 * 2 * model.num_layers * len(targets)
    config = interpret(hf_facts(artifact_bytes={"adapter_model.safetensors": size}), catalog).config
    if config.trainable_params is not None:
        assert (config.method, config.trainable_params) == ("lora", params)
    if config.lora is not None and config.lora.rank is not None:
        assert config.lora.rank == rank
