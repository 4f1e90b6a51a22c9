import pytest

from planner.catalog.load import Catalog
from planner.dialects.params import Params
from planner.dialects.torchtune_model import llama_ffn_dim, read_torchtune_spec
from planner.errors import InputError
from planner.estimator.params import count_params

SIZES = {
    "llama-2-7b": ("llama2.llama2", 32, 4096, 32, 32, 32000, {}),
    "llama-3-8b": ("llama3.lora_llama3", 32, 4096, 32, 8, 128256, {"intermediate_dim": "14336"}),
    "llama-3.2-1b": ("llama3_2.llama3_2", 16, 2048, 32, 8, 128256, {"intermediate_dim": "8192"}),
    "qwen2-7b": ("qwen2.qwen2", 28, 3584, 28, 4, 152064, {"intermediate_dim": "18944"}),
    "qwen2-0.5b": ("qwen2.qwen2", 24, 896, 14, 2, 151936, {"intermediate_dim": "4864", "tie_word_embeddings": "True"}),
    "gemma-2b": ("gemma.gemma", 18, 2048, 8, 1, 256000, {"intermediate_dim": "16384", "head_dim": "256"}),
}


@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_builder_with_the_sizes_of_a_model_is_that_model(catalog: Catalog, name: str) -> None:
    builder, layers, width, heads, kv_heads, vocab, more = SIZES[name]
    params = {
        "_component_": f"torchtune.models.{builder}", "num_layers": str(layers), "embed_dim": str(width),
        "num_heads": str(heads), "num_kv_heads": str(kv_heads), "vocab_size": str(vocab), **more,
    }  # fmt: skip
    spec = read_torchtune_spec(Params(params), catalog)
    assert count_params(spec).total == catalog.models[name].published_params


@pytest.mark.parametrize(
    ("component", "name"),
    [("llama3_1.llama3_1_8b", "llama-3.1-8b"), ("qwen2_5.lora_qwen2_5_7b_instruct", "qwen2.5-7b")],
)
def test_a_component_named_after_a_model_is_looked_up(catalog: Catalog, component: str, name: str) -> None:
    spec = read_torchtune_spec(Params({"_component_": f"torchtune.models.{component}"}), catalog)
    assert spec == catalog.models[name]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"_component_": "torchtune.models.llama3.llama3"}, "num_layers, embed_dim, num_heads"),
        ({"_component_": "torchtune.models.llama9.llama9_1t"}, "llama9_1t"),
    ],
)
def test_what_is_missing_or_unknown_is_named(catalog: Catalog, params: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_torchtune_spec(Params(params), catalog)


@pytest.mark.parametrize(("hidden", "width"), [(4096, 11008), (5120, 13824), (8192, 22016)])
def test_the_width_that_llama_takes_by_itself(hidden: int, width: int) -> None:
    assert llama_ffn_dim(hidden) == width
