import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import MetricPoint, RunFacts
from planner.dialects.interpret import interpret
from planner.units import GIB

PARAMS = {
    "model._component_": "torchtune.models.llama3_1.lora_llama3_1_8b", "model.lora_rank": "8",
    "model.lora_attn_modules": "['q_proj', 'v_proj', 'output_proj']", "model.apply_lora_to_mlp": "True",
    "tokenizer.max_seq_len": "4096", "dataset.packed": "True", "batch_size": "2", "gradient_accumulation_steps": "8",
    "epochs": "2", "max_steps_per_epoch": "100", "optimizer._component_": "torch.optim.AdamW",
    "optimizer.fused": "True",
    "dtype": "bf16", "enable_activation_checkpointing": "True", "enable_activation_offloading": "False",
    "loss._component_": "torchtune.modules.loss.LinearCrossEntropyLoss",
}  # fmt: skip
METRICS = {"tokens_per_second_per_gpu": 3000.0, "peak_memory_alloc": 20.0, "peak_memory_reserved": 25.0, "loss": 1.0}


def facts(params: dict[str, str]) -> RunFacts:
    metrics = {name: MetricPoint(value, 200) for name, value in METRICS.items()}
    return RunFacts("s", "r", "chat", "run", "FINISHED", None, None, params=params, metrics=metrics)


def test_a_lora_recipe_is_read(catalog: Catalog) -> None:
    run = interpret(facts(PARAMS), catalog)
    config = run.config
    assert run.dialect == "torchtune"
    assert config.model == catalog.models["llama-3.1-8b"]
    assert config.lora is not None
    assert (config.method, config.lora.rank) == ("lora", 8)
    assert config.lora.targets == ("q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    assert (config.seq_len, config.batching, config.micro_batch_size) == (4096, "packed", 2)
    assert (config.max_steps, config.optimizer, config.loss) == (200, "adamw_fused", "fused_linear_ce")
    assert config.activation_checkpointing == "full"
    assert config.precision is not None
    assert (config.precision.weights_dtype, config.precision.amp) == ("bf16", False)
    assert run.actual.peak_allocated_bytes == 20 * GIB
    assert run.actual.peak_reserved_bytes == 25 * GIB
    assert run.actual.tokens_per_s_per_accelerator == 3000.0


def test_a_configuration_as_dictionaries_in_text_is_read_too(catalog: Catalog) -> None:
    nested = {
        "model": "{'_component_': 'torchtune.models.llama3_1.lora_llama3_1_8b', 'lora_rank': 8}",
        "tokenizer": "{'max_seq_len': 2048}",
        "batch_size": "2",
    }
    config = interpret(facts(nested), catalog).config
    assert config.lora is not None
    assert (config.lora.rank, config.seq_len, config.method) == (8, 2048, "lora")


@pytest.mark.parametrize(
    ("component", "model", "method", "quantization"),
    [
        ("torchtune.models.llama3.llama3_8b", "llama-3-8b", "full", None),
        ("torchtune.models.qwen2_5.qwen2_5_7b_base", "qwen2.5-7b", "full", None),
        ("torchtune.models.llama2.qlora_llama2_7b", "llama-2-7b", "qlora", "nf4_dq"),
        ("torchtune.models.unheard.of_1b", None, "full", None),
    ],
)
def test_component_names(
    catalog: Catalog, component: str, model: str | None, method: str, quantization: str | None
) -> None:
    config = interpret(facts({"model._component_": component, "batch_size": "1"}), catalog).config
    assert (config.model.name if config.model else None) == model
    assert (config.method, config.base_quantization) == (method, quantization)


def test_a_builder_with_logged_sizes_is_a_model_of_these_sizes(catalog: Catalog) -> None:
    sizes = {"num_layers": 12, "embed_dim": 768, "num_heads": 12, "num_kv_heads": 4, "vocab_size": 32000}
    logged = {f"model.{name}": str(value) for name, value in sizes.items()}
    component = {"model._component_": "torchtune.models.llama3.lora_llama3"}
    config = interpret(facts({**PARAMS, **logged, **component}), catalog).config
    assert config.model is not None
    assert (config.model.num_layers, config.model.hidden_dim, config.model.ffn_dim) == (12, 768, 2048)
    assert config.method == "lora"
