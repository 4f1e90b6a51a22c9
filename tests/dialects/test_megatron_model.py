from typing import Any

import pytest

from planner.catalog.load import Catalog
from planner.dialects.megatron_model import read_megatron_spec, recognises_spec
from planner.domain.model_spec import ModelSpec
from planner.errors import ConfigError
from planner.estimator.params import count_params

LLAMA_2_7B = {
    "num-layers": 32, "hidden-size": 4096, "ffn-hidden-size": 11008, "num-attention-heads": 32, "swiglu": True,
    "normalization": "RMSNorm", "disable-bias-linear": True, "untie-embeddings-and-output-weights": True,
    "position-embedding-type": "rope", "vocab-size": 32000, "max-position-embeddings": 4096,
}  # fmt: skip
LLAMA_3_8B = {
    **LLAMA_2_7B, "ffn-hidden-size": 14336, "group-query-attention": True, "num-query-groups": 8,
    "padded-vocab-size": 128256,
}  # fmt: skip
GPT_2 = {
    "num_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "max_position_embeddings": 1024,
    "padded_vocab_size": 50257,
}  # fmt: skip
DEEPSEEK_V2_LITE = {
    **LLAMA_2_7B, "num-layers": 27, "hidden-size": 2048, "ffn-hidden-size": 10944, "num-attention-heads": 16,
    "padded-vocab-size": 102400, "multi-latent-attention": True, "kv-lora-rank": 512, "qk-head-dim": 128,
    "qk-pos-emb-head-dim": 64, "v-head-dim": 128, "qk-layernorm": True, "num-experts": 64, "moe-router-topk": 6,
    "moe-ffn-hidden-size": 1408, "moe-shared-expert-intermediate-size": 2816, "moe-layer-freq": "([0]*1+[1]*26)",
}  # fmt: skip
MIXTRAL = {
    **LLAMA_3_8B, "padded-vocab-size": 32000, "num-experts": 8, "moe-router-topk": 2, "moe-layer-freq": 1,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "llama-2-7b": LLAMA_2_7B, "llama-3-8b": LLAMA_3_8B, "gpt2": GPT_2, "deepseek-v2-lite": DEEPSEEK_V2_LITE,
    "mixtral-8x7b": MIXTRAL,
}  # fmt: skip


def read(**changes: Any) -> ModelSpec:
    return read_megatron_spec(
        {**LLAMA_2_7B, **{key.replace("_", "-"): value for key, value in changes.items()}}, name="m"
    )


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_arguments_of_a_public_model_give_its_published_number_of_parameters(catalog: Catalog, name: str) -> None:
    counted = count_params(read_megatron_spec(CONFIGS[name], name="m")).total
    assert counted == pytest.approx(catalog.models[name].published_params, rel=0.0005)


def test_nemo_keeps_them_under_model_and_names_the_activation(catalog: Catalog) -> None:
    nemo = {
        "trainer": {"devices": 8},
        "model": {
            "num_layers": 32, "hidden_size": 4096, "ffn_hidden_size": 14336, "num_attention_heads": 32,
            "num_query_groups": 8, "activation": "fast-swiglu", "normalization": "rmsnorm", "bias": False,
            "share_embeddings_and_output_weights": False, "position_embedding_type": "rope",
            "override_vocab_size": 128256,
        },
    }  # fmt: skip
    assert recognises_spec(nemo)
    assert count_params(read_megatron_spec(nemo, name="m")).total == catalog.models["llama-3-8b"].published_params


def test_arguments_may_keep_their_dashes() -> None:
    dashed = {"MODEL_ARGS": {f"--{key}": value for key, value in LLAMA_2_7B.items()}}
    assert read_megatron_spec(dashed, name="m") == read()


def test_without_a_width_megatron_takes_its_own() -> None:
    del_width = {key: value for key, value in LLAMA_2_7B.items() if key != "ffn-hidden-size"}
    assert read_megatron_spec(del_width, name="m").ffn_dim == 4096 * 4 * 2 // 3 // 64 * 64
    assert read_megatron_spec({**del_width, "swiglu": False}, name="m").ffn_dim == 4 * 4096


def test_the_vocabulary_is_padded_as_megatron_pads_it_and_said_so() -> None:
    padded = read(vocab_size=32017, tensor_model_parallel_size=4)
    assert padded.vocab_size == 32256
    assert "32,017" in (padded.assumption or "")
    assert read(vocab_size=32000).assumption is None


@pytest.mark.parametrize("pattern", ["[0,0,1,1]", "([0]*2+[1]*2)"])
def test_leading_dense_layers_are_read_from_a_pattern(pattern: str) -> None:
    spec = read(num_layers=4, num_experts=4, moe_layer_freq=pattern)
    assert (spec.first_dense_layers, spec.num_moe_layers, spec.dense_ffn_dim) == (2, 2, 11008)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"vocab_size": None}, "vocab_size or padded_vocab_size missing"),
        ({"num_layers": "many"}, "num_layers"),
        ({"num_layers": 0}, "num_layers"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"position_embedding_type": "learned_absolute", "max_position_embeddings": None}, "max_position_embeddings"),
        ({"num_experts": 4, "moe_layer_freq": "[1,0,1,0]"}, "leading dense"),
        ({"num_experts": 4, "moe_layer_freq": "__import__('os')"}, "not understood"),
        ({"num_experts": 4, "moe_layer_freq": "[1]*9999999999"}, "not understood"),
    ],
)
def test_arguments_that_cannot_be_are_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read(**changes)
