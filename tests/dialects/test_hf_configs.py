"""Public ``config.json`` files, shortened to what decides the layers, against the catalog's rows."""

from typing import Any

import pytest

from planner.catalog.load import Catalog
from planner.dialects.hf_model import flattened, read_hf_config
from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec
from planner.errors import ConfigError
from planner.estimator.params import count_params


def llama(
    model_type: str, layers: int, hidden: int, heads: int, kv: int | None, ffn: int, vocab: int, **more: Any
) -> dict[str, Any]:
    given = {
        "model_type": model_type, "num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads,
        "intermediate_size": ffn, "vocab_size": vocab,
    }  # fmt: skip
    return {**given, **({} if kv is None else {"num_key_value_heads": kv}), **more}


def gpt2(model_type: str, layers: int, hidden: int, heads: int, vocab: int, **more: Any) -> dict[str, Any]:
    return {
        "model_type": model_type, "n_layer": layers, "n_embd": hidden, "n_head": heads, "vocab_size": vocab, **more
    }  # fmt: skip


DEEPSEEK = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128}
DEEPSEEK_LITE = {
    **DEEPSEEK, "q_lora_rank": None, "n_routed_experts": 64, "num_experts_per_tok": 6, "n_shared_experts": 2,
    "moe_intermediate_size": 1408, "first_k_dense_replace": 1, "moe_layer_freq": 1,
}  # fmt: skip
DEEPSEEK_V3 = {
    **DEEPSEEK, "q_lora_rank": 1536, "n_routed_experts": 256, "num_experts_per_tok": 8, "n_shared_experts": 1,
    "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "moe_layer_freq": 1, "n_group": 8, "topk_group": 4,
}  # fmt: skip
LLAMA_4 = {"num_experts_per_tok": 1, "intermediate_size_mlp": 16384, "head_dim": 128, "tie_word_embeddings": False}

CONFIGS: dict[str, dict[str, Any]] = {
    "llama-2-7b": llama("llama", 32, 4096, 32, 32, 11008, 32000, tie_word_embeddings=False),
    "llama-3.1-8b": llama("llama", 32, 4096, 32, 8, 14336, 128256, attention_bias=False, mlp_bias=False),
    "llama-3.2-1b": llama("llama", 16, 2048, 32, 8, 8192, 128256, head_dim=64, tie_word_embeddings=True),
    "yi-34b": llama("llama", 60, 7168, 56, 8, 20480, 64000),
    "mistral-7b": llama("mistral", 32, 4096, 32, 8, 14336, 32000, sliding_window=4096),
    "mistral-nemo-12b": llama("mistral", 40, 5120, 32, 8, 14336, 131072, head_dim=128),
    "mixtral-8x7b": llama("mixtral", 32, 4096, 32, 8, 14336, 32000, num_local_experts=8, num_experts_per_tok=2),
    "qwen-7b": llama("qwen", 32, 4096, 32, None, 22016, 151936, kv_channels=128, no_bias=True),
    "qwen2.5-7b": llama("qwen2", 28, 3584, 28, 4, 18944, 152064, tie_word_embeddings=False),
    "qwen2-0.5b": llama("qwen2", 24, 896, 14, 2, 4864, 151936, tie_word_embeddings=True),
    "qwen1.5-moe-a2.7b": llama(
        "qwen2_moe", 24, 2048, 16, 16, 5632, 151936, num_experts=60, num_experts_per_tok=4, decoder_sparse_step=1,
        moe_intermediate_size=1408, shared_expert_intermediate_size=5632,
    ),
    "qwen3-8b": llama("qwen3", 36, 4096, 32, 8, 12288, 151936, head_dim=128, attention_bias=False),
    "qwen3-30b-a3b": llama(
        "qwen3_moe", 48, 2048, 32, 4, 6144, 151936, head_dim=128, num_experts=128, num_experts_per_tok=8,
        moe_intermediate_size=768, decoder_sparse_step=1, mlp_only_layers=[],
    ),
    "gemma-7b": llama("gemma", 28, 3072, 16, 16, 24576, 256000, head_dim=256),
    "gemma-2-9b": llama("gemma2", 42, 3584, 16, 8, 14336, 256000, head_dim=256, sliding_window=4096),
    "gemma-2-27b": llama("gemma2", 46, 4608, 32, 16, 36864, 256000, head_dim=128, sliding_window=4096),
    "gemma-3-1b": llama(
        "gemma3_text", 26, 1152, 4, 1, 6912, 262144, head_dim=256, sliding_window=512, sliding_window_pattern=6
    ),
    "gemma-3-4b": {
        "model_type": "gemma3",
        "text_config": {
            "hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024,
        },
        "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27},
    },
    "phi-2": llama("phi", 32, 2560, 32, 32, 10240, 51200, qk_layernorm=False, tie_word_embeddings=False),
    "phi-3-mini": llama("phi3", 32, 3072, 32, 32, 8192, 32064, attention_bias=False),
    "phi-4": llama("phi3", 40, 5120, 40, 10, 17920, 100352, tie_word_embeddings=False),
    "gpt2-xl": gpt2("gpt2", 48, 1600, 25, 50257, n_positions=1024, n_ctx=1024),
    "pythia-1.4b": llama("gpt_neox", 24, 2048, 16, None, 8192, 50304, tie_word_embeddings=False),
    "gpt-neox-20b": llama("gpt_neox", 44, 6144, 64, None, 24576, 50432, tie_word_embeddings=False),
    "bloom-560m": {"model_type": "bloom", "n_layer": 24, "hidden_size": 1024, "n_head": 16, "vocab_size": 250880},
    "falcon-7b": {
        "model_type": "falcon", "num_hidden_layers": 32, "hidden_size": 4544, "num_attention_heads": 71, "bias": False,
        "vocab_size": 65024, "multi_query": True, "new_decoder_architecture": False, "parallel_attn": True,
    },
    "falcon-40b": {
        "model_type": "falcon", "num_hidden_layers": 60, "hidden_size": 8192, "num_attention_heads": 128,
        "num_kv_heads": 8, "bias": False, "vocab_size": 65024, "new_decoder_architecture": True, "parallel_attn": True,
    },
    "mpt-7b": {
        "model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32, "vocab_size": 50432, "no_bias": True,
        "expansion_ratio": 4, "max_seq_len": 2048, "attn_config": {"alibi": True, "attn_type": "multihead_attention"},
    },
    "opt-1.3b": {
        "model_type": "opt", "num_hidden_layers": 24, "hidden_size": 2048, "ffn_dim": 8192, "num_attention_heads": 32,
        "vocab_size": 50272, "max_position_embeddings": 2048, "word_embed_proj_dim": 2048,
    },
    "starcoder-15b": gpt2("gpt_bigcode", 40, 6144, 48, 49152, n_inner=24576, n_positions=8192, multi_query=True),
    "starcoder2-3b": llama("starcoder2", 30, 3072, 24, 2, 12288, 49152, use_bias=True),
    "starcoder2-15b": llama("starcoder2", 40, 6144, 48, 4, 24576, 49152, use_bias=True, tie_word_embeddings=False),
    "deepseek-moe-16b": llama(
        "deepseek", 28, 2048, 16, 16, 10944, 102400, n_routed_experts=64, num_experts_per_tok=6, n_shared_experts=2,
        moe_intermediate_size=1408, first_k_dense_replace=1, moe_layer_freq=1,
    ),
    "deepseek-v2-lite": llama("deepseek_v2", 27, 2048, 16, 16, 10944, 102400, **DEEPSEEK_LITE),
    "moonlight-16b-a3b": llama("deepseek_v3", 27, 2048, 16, 16, 11264, 163840, **DEEPSEEK_LITE),
    "deepseek-v3": llama("deepseek_v3", 61, 7168, 128, 128, 18432, 129280, **DEEPSEEK_V3),
    "kimi-k2": llama(
        "kimi_k2", 61, 7168, 64, 64, 18432, 163840,
        **{**DEEPSEEK_V3, "n_routed_experts": 384, "first_k_dense_replace": 1},
    ),
    "olmo-7b": llama("olmo", 32, 4096, 32, 32, 11008, 50304, tie_word_embeddings=False),
    "olmo-2-7b": llama("olmo2", 32, 4096, 32, 32, 11008, 100352, tie_word_embeddings=False),
    "olmoe-1b-7b": llama("olmoe", 16, 2048, 16, 16, 1024, 50304, num_experts=64, num_experts_per_tok=8),
    "granite-3.0-8b": llama("granite", 40, 4096, 32, 8, 12800, 49155, tie_word_embeddings=True),
    "granite-3.0-3b-a800m": llama(
        "granitemoe", 32, 1536, 24, 8, 512, 49155, num_local_experts=40, num_experts_per_tok=8, tie_word_embeddings=True
    ),
    "command-r": llama("cohere", 40, 8192, 64, 64, 22528, 256000, use_qk_norm=False),
    "stablelm-2-1.6b": llama("stablelm", 24, 2048, 32, 32, 5632, 100352, use_qkv_bias=True, tie_word_embeddings=False),
    "internlm-7b": llama("internlm", 32, 4096, 32, None, 11008, 103168, bias=True, tie_word_embeddings=False),
    "internlm2-7b": llama("internlm2", 32, 4096, 32, 8, 14336, 92544, bias=False, tie_word_embeddings=False),
    "baichuan2-7b": llama("baichuan", 32, 4096, 32, None, 11008, 125696, tie_word_embeddings=False),
    "chatglm-6b": {
        "model_type": "chatglm", "hidden_size": 4096, "inner_hidden_size": 16384, "num_attention_heads": 32,
        "num_layers": 28, "position_encoding_2d": True, "vocab_size": 130528,
    },
    "chatglm3-6b": {
        "model_type": "chatglm", "hidden_size": 4096, "ffn_hidden_size": 13696, "num_attention_heads": 32,
        "num_layers": 28, "kv_channels": 128, "padded_vocab_size": 65024, "multi_query_attention": True,
        "multi_query_group_num": 2, "add_bias_linear": False, "add_qkv_bias": True, "tie_word_embeddings": False,
    },
    "glm-4-9b": llama("glm", 40, 4096, 32, 2, 13696, 151552, head_dim=128, attention_bias=True),
    "smollm3-3b": llama("smollm3", 36, 2048, 16, 4, 11008, 128256, attention_bias=False, mlp_bias=False),
    "gpt-oss-20b": llama(
        "gpt_oss", 24, 2880, 64, 8, 2880, 201088, head_dim=64, num_local_experts=32, num_experts_per_tok=4,
        attention_bias=True, tie_word_embeddings=False, sliding_window=128,
        layer_types=["sliding_attention", "full_attention"] * 12,
    ),
    "llama-4-scout": {
        "model_type": "llama4",
        "text_config": llama(
            "llama4_text", 48, 5120, 40, 8, 8192, 202048, num_local_experts=16, interleave_moe_layer_step=1, **LLAMA_4
        ),
    },
    "llama-4-maverick": {
        "model_type": "llama4",
        "text_config": llama(
            "llama4_text", 48, 5120, 40, 8, 8192, 202048, num_local_experts=128, interleave_moe_layer_step=2, **LLAMA_4
        ),
    },
}  # fmt: skip
COUNTED_BY_TRANSFORMERS = {
    "llama-2-7b": 6_738_415_616, "llama-3.1-8b": 8_030_261_248, "llama-3.2-1b": 1_235_814_400,
    "yi-34b": 34_388_917_248, "mistral-7b": 7_241_732_096, "mistral-nemo-12b": 12_247_782_400,
    "mixtral-8x7b": 46_702_792_704, "qwen2.5-7b": 7_615_616_512, "qwen2-0.5b": 494_032_768,
    "qwen1.5-moe-a2.7b": 14_315_784_192, "qwen3-8b": 8_190_735_360, "qwen3-30b-a3b": 30_532_122_624,
    "gemma-7b": 8_537_680_896, "gemma-2-9b": 9_241_705_984, "gemma-2-27b": 27_227_128_320, "gemma-3-1b": 999_885_952,
    "gemma-3-4b": 3_880_263_168, "phi-2": 2_779_683_840, "phi-3-mini": 3_821_079_552, "phi-4": 14_659_507_200,
    "gpt2-xl": 1_557_611_200, "pythia-1.4b": 1_414_647_808, "gpt-neox-20b": 20_554_567_680, "bloom-560m": 559_214_592,
    "falcon-7b": 6_921_720_704, "falcon-40b": 41_303_293_952, "mpt-7b": 6_649_286_656, "opt-1.3b": 1_315_758_080,
    "starcoder-15b": 15_517_456_384, "starcoder2-3b": 3_030_371_328, "starcoder2-15b": 15_957_889_024,
    "deepseek-v2-lite": 15_706_484_224, "moonlight-16b-a3b": 15_960_108_544, "deepseek-v3": 671_026_404_352,
    "kimi-k2": 1_026_408_209_408, "olmo-7b": 6_888_095_744, "olmo-2-7b": 7_298_617_344, "olmoe-1b-7b": 6_919_161_856,
    "granite-3.0-8b": 8_170_848_256, "granite-3.0-3b-a800m": 3_298_793_472, "command-r": 34_980_831_232,
    "stablelm-2-1.6b": 1_644_515_328, "glm-4-9b": 9_399_951_360, "smollm3-3b": 3_075_098_624,
    "gpt-oss-20b": 20_914_757_184, "llama-4-scout": 107_769_861_120, "llama-4-maverick": 400_711_848_960,
}  # fmt: skip
"""Parameters of the models that transformers 5.23 builds from these configurations (on torch's meta device)."""
NAMES = {"name", "family", "published_params", "assumption"}


def read(config: dict[str, Any], *, may_assume: bool = True) -> ModelSpec:
    return read_hf_config(Params(flattened(config)), name="own", may_assume=may_assume)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_public_configuration_gives_the_published_number_of_parameters(catalog: Catalog, name: str) -> None:
    assert count_params(read(CONFIGS[name])).total == pytest.approx(catalog.models[name].published_params, rel=0.005)


@pytest.mark.parametrize("name", sorted(COUNTED_BY_TRANSFORMERS))
def test_the_count_is_that_of_transformers_but_for_a_few_vectors(name: str) -> None:
    assert count_params(read(CONFIGS[name])).total == pytest.approx(COUNTED_BY_TRANSFORMERS[name], rel=2e-5)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_public_configuration_has_the_dimensions_of_the_catalog(catalog: Catalog, name: str) -> None:
    ours, listed = read(CONFIGS[name]), catalog.models[name]
    assert ours.model_dump(exclude=NAMES, exclude_defaults=True) == listed.model_dump(
        exclude=NAMES, exclude_defaults=True
    )


def test_what_a_reader_assumed_is_said() -> None:
    assert read(CONFIGS["llama-2-7b"]).assumption is None
    assert "pictures" in (read(CONFIGS["gemma-3-4b"]).assumption or "")
    strange = {**CONFIGS["llama-2-7b"], "model_type": "llama-of-tomorrow"}
    assert "llama-of-tomorrow" in (read(strange).assumption or "")
    with pytest.raises(ConfigError, match="llama-of-tomorrow"):
        read(strange, may_assume=False)


@pytest.mark.parametrize("model_type", ["bert", "mamba", "t5"])
def test_a_model_that_is_no_plain_decoder_is_refused(model_type: str) -> None:
    with pytest.raises(ConfigError, match=f"'{model_type}' are no plain decoder layers"):
        read({**CONFIGS["llama-2-7b"], "model_type": model_type})


def test_the_missing_fields_are_named() -> None:
    config = {**CONFIGS["llama-2-7b"]}
    del config["num_hidden_layers"], config["vocab_size"]
    with pytest.raises(ConfigError, match=r"num_hidden_layers or n_layer .*vocab_size missing"):
        read(config)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_local_experts": 8, "num_experts_per_tok": None}, "8 experts"),
        ({"kv_lora_rank": 512}, "qk_rope_head_dim"),
        ({"num_attention_heads": 0}, "num_attention_heads"),
        ({"num_key_value_heads": 7}, "not a multiple"),
        ({"hidden_size": 10**9}, "hidden_size"),
    ],
)
def test_impossible_dimensions_are_refused_with_their_name(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read({**CONFIGS["llama-3.1-8b"], **change})


def test_a_language_model_inside_another_may_leave_out_what_is_usual(catalog: Catalog) -> None:
    spec = read({"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064}})
    assert (spec.hidden_dim, spec.vocab_size) == (4096, 32064)
    assert spec.num_layers == catalog.models["llama-2-7b"].num_layers


@pytest.mark.parametrize(
    ("keys", "windowed"),
    [
        ({"sliding_window": 4096}, 32),
        ({"sliding_window": None}, 0),
        ({"sliding_window": 4096, "use_sliding_window": False}, 0),
        ({"sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 28}, 4),
        ({"sliding_window": 4096, "layer_types": ["sliding_attention", "full_attention"] * 16}, 16),
        ({"sliding_window": 4096, "sliding_window_pattern": 4}, 24),
    ],
)
def test_layers_with_a_window_are_counted(keys: dict[str, Any], windowed: int) -> None:
    found = read(llama("mistral", 32, 4096, 32, 8, 14336, 32000, **keys))
    assert found.num_windowed_layers == windowed
    assert (found.sliding_window is None) == (windowed == 0)
