"""What a Hugging Face ``model_type`` implies and its configuration does not say.

Read in transformers 5.23 and checked against the parameters of the models that it builds from each type's own defaults;
types with code of their own on the Hub (baichuan, chatglm, internlm, qwen, ...) against published counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from planner.dialects.params import Params
from planner.domain.model_spec import QkNorm

Bias = Literal["none", "qkv", "all"]
Adjust = Callable[[Params, dict[str, Any]], dict[str, Any]]
"""From a configuration and the dimensions read so far to the fields that are otherwise than usual."""


@dataclass(frozen=True)
class Family:
    """How layers of a type are built; flags are keys of the configuration, each with what it stands for if absent."""

    attention_bias: Bias = "none"
    attention_bias_flags: tuple[tuple[str, Bias, bool], ...] = ()
    """Key, what it biases, its default; the first that is true goes before ``attention_bias``."""
    gated_mlp: bool = True
    mlp_bias: bool = False
    mlp_bias_flag: str | None = None
    num_norms_per_layer: int = 2
    norm_bias: bool = False
    qk_norm: QkNorm = "none"
    qk_norm_flag: str | None = None
    """Key without which there is no ``qk_norm``."""
    tied_by_default: bool = False
    positions_key: str | None = None
    """Key of the number of learned positions."""
    positions_offset: int = 0
    usual_head_dim: int | None = None
    """Width of a head that the configuration may leave out, where it is not hidden size / heads."""
    ffn_ratio: int | None = None
    """Width of the feed-forward over the hidden size where the configuration leaves it out."""
    usual: Mapping[str, int] = field(default_factory=dict)
    """What the inner configuration of a model with pictures may leave out."""
    adjust: Adjust | None = None


def _falcon(config: Params, found: dict[str, Any]) -> dict[str, Any]:
    """Old layers have one key/value head; new ones several, and two norms before a parallel block."""
    is_new = config.flag("new_decoder_architecture") or False
    one_head = config.flag("multi_query") is not False and not is_new
    is_parallel = config.flag("parallel_attn") is not False
    norms = (config.integer("num_ln_in_parallel_attn") or 2) if is_new else 1 if is_parallel else 2
    heads = config.integer("num_kv_heads") or config.integer("n_head_kv") or found["num_heads"]
    return {"num_kv_heads": 1 if one_head else heads, "num_norms_per_layer": norms}


def _mpt(config: Params, found: dict[str, Any]) -> dict[str, Any]:
    """Without biases unless ``no_bias`` is false; learned positions unless ALiBi or rotary ones are set."""
    biased = config.flag("no_bias") is False
    relative = (
        config.flag("attn_config.alibi") or config.flag("attn_config.rope") or config.flag("learned_pos_emb") is False
    )
    kind = config.text("attn_config.attn_type") or ""
    heads = {"multiquery_attention": 1, "grouped_query_attention": config.integer("attn_config.kv_n_heads")}.get(kind)
    return {
        "num_kv_heads": heads or found["num_heads"],
        "ffn_dim": (config.integer("expansion_ratio") or 4) * found["hidden_dim"],
        "attention_bias": "all" if biased else "none",
        "mlp_bias": biased,
        "norm_bias": biased,
        "learned_positions": 0 if relative else (config.integer("max_seq_len") or 0),
    }


def _gpt_bigcode(config: Params, _found: dict[str, Any]) -> dict[str, Any]:
    return {} if config.flag("multi_query") is False else {"num_kv_heads": 1}


def _qwen(_config: Params, found: dict[str, Any]) -> dict[str, Any]:
    """The configuration prints both halves of the gated feed-forward together."""
    return {"ffn_dim": found["ffn_dim"] // 2}


def _chatglm(config: Params, _found: dict[str, Any]) -> dict[str, Any]:
    """The first generation, whose key is ``inner_hidden_size``, is built like GPT-2."""
    if config.integer("inner_hidden_size") is not None:
        biased = {"attention_bias": "all", "mlp_bias": True, "norm_bias": True}
        return {**biased, "gated_mlp": False, "tied_embeddings": True}
    grouped = config.flag("multi_query_attention")
    return {"num_kv_heads": config.integer("multi_query_group_num") or 1} if grouped else {}


def _stablelm(config: Params, _found: dict[str, Any]) -> dict[str, Any]:
    return {"num_norms_per_layer": 1} if config.flag("use_parallel_residual") else {}


def _opt(config: Params, found: dict[str, Any]) -> dict[str, Any]:
    biased = config.flag("enable_bias") is not False
    fields: dict[str, Any] = {"attention_bias": "all" if biased else "none", "mlp_bias": biased}
    narrow = config.integer("word_embed_proj_dim")
    if narrow is not None and narrow != found["hidden_dim"]:
        fields["assumption"] = f"embeddings as wide as the hidden size, though word_embed_proj_dim is {narrow}"
    return fields


def _llama4(config: Params, found: dict[str, Any]) -> dict[str, Any]:
    """One expert that all tokens share, as wide as a routed one; every so many-th layer has experts."""
    period = config.integer("interleave_moe_layer_step") or 1
    return {
        "shared_expert_ffn_dim": found["ffn_dim"],
        "moe_layer_period": period,
        "dense_ffn_dim": config.integer("intermediate_size_mlp") if period > 1 else None,
    }


BIAS_FLAG: tuple[tuple[str, Bias, bool], ...] = (("attention_bias", "all", False),)
LLAMA = Family(
    attention_bias_flags=(*BIAS_FLAG, ("bias", "all", False)),
    mlp_bias_flag="mlp_bias",
    usual={
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 11008,
        "vocab_size": 32000,
    },
)  # fmt: skip
MISTRAL = Family(
    usual={
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "intermediate_size": 14336, "vocab_size": 32000,
    },
)  # fmt: skip
QWEN2 = Family(attention_bias="qkv", qk_norm="none")
QWEN3 = Family(attention_bias_flags=BIAS_FLAG, qk_norm="head", usual_head_dim=128)
GEMMA = Family(attention_bias_flags=BIAS_FLAG, tied_by_default=True, usual_head_dim=256)
GEMMA3 = replace(
    GEMMA,
    num_norms_per_layer=4,
    qk_norm="head",
    usual={"num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262_208},
)
PLAIN = Family(attention_bias="all", gated_mlp=False, mlp_bias=True, norm_bias=True, ffn_ratio=4)
"""Layers as in GPT-2: biases everywhere, no gate."""
COHERE = Family(
    attention_bias_flags=BIAS_FLAG, num_norms_per_layer=1, qk_norm="full", qk_norm_flag="use_qk_norm",
    tied_by_default=True,
)  # fmt: skip
OLMO2 = Family(attention_bias_flags=BIAS_FLAG, qk_norm="full")
DEEPSEEK = Family(attention_bias_flags=BIAS_FLAG)
GLM_BIAS: tuple[tuple[str, Bias, bool], ...] = (("attention_bias", "qkv", True),)
CHATGLM_BIAS: tuple[tuple[str, Bias, bool], ...] = (("add_bias_linear", "all", False), ("add_qkv_bias", "qkv", False))

FAMILIES: dict[str, Family] = {
    "llama": LLAMA,
    "yi": LLAMA,
    "internlm": replace(LLAMA, attention_bias_flags=(("bias", "all", True),)),
    "internlm2": LLAMA,
    "baichuan": Family(),
    "seed_oss": Family(attention_bias_flags=(("attention_out_bias", "all", False), ("attention_bias", "qkv", True))),
    "smollm3": replace(LLAMA, tied_by_default=True),
    "ernie4_5": Family(attention_bias_flags=(("use_bias", "all", False),), mlp_bias_flag="use_bias"),
    "mistral": MISTRAL,
    "mixtral": MISTRAL,
    "ministral": MISTRAL,
    "ministral3": MISTRAL,
    "qwen": Family(attention_bias="qkv", adjust=_qwen),
    "qwen2": QWEN2,
    "qwen2_vl": QWEN2,
    "qwen2_vl_text": QWEN2,
    "qwen2_5_vl": QWEN2,
    "qwen2_5_vl_text": QWEN2,
    "qwen2_moe": Family(attention_bias_flags=(("qkv_bias", "qkv", True),)),
    "qwen3": QWEN3,
    "qwen3_moe": replace(QWEN3, usual_head_dim=None),
    "qwen3_vl_text": QWEN3,
    "qwen3_vl_moe_text": replace(QWEN3, usual_head_dim=None),
    "gemma": GEMMA,
    "gemma2": replace(GEMMA, num_norms_per_layer=4),
    "gemma3": GEMMA3,
    "gemma3_text": GEMMA3,
    "phi": replace(PLAIN, num_norms_per_layer=1, qk_norm="head", qk_norm_flag="qk_layernorm"),
    "phi3": Family(),
    "phi4mm": Family(),
    "phi4_multimodal": Family(),
    "phimoe": Family(attention_bias_flags=BIAS_FLAG, norm_bias=True),
    "gpt2": replace(PLAIN, tied_by_default=True, positions_key="n_positions"),
    "gpt_neo": replace(PLAIN, attention_bias="none", tied_by_default=True, positions_key="max_position_embeddings"),
    "gpt_neox": replace(PLAIN, attention_bias="none", attention_bias_flags=(("attention_bias", "all", True),)),
    "gptj": replace(PLAIN, attention_bias="none", num_norms_per_layer=1),
    "gpt_bigcode": replace(PLAIN, tied_by_default=True, positions_key="n_positions", adjust=_gpt_bigcode),
    "bloom": replace(PLAIN, tied_by_default=True),
    "falcon": Family(
        attention_bias_flags=(("bias", "all", False),), gated_mlp=False, mlp_bias_flag="bias", norm_bias=True,
        tied_by_default=True, ffn_ratio=4, adjust=_falcon,
    ),
    "mpt": Family(gated_mlp=False, tied_by_default=True, ffn_ratio=4, adjust=_mpt),
    "opt": replace(
        PLAIN, tied_by_default=True, positions_key="max_position_embeddings", positions_offset=2, adjust=_opt
    ),
    "starcoder2": Family(
        attention_bias_flags=(("use_bias", "all", True),), gated_mlp=False, mlp_bias=True, mlp_bias_flag="use_bias",
        norm_bias=True, tied_by_default=True,
    ),
    "nemotron": Family(attention_bias_flags=BIAS_FLAG, gated_mlp=False, mlp_bias_flag="mlp_bias", norm_bias=True),
    "deepseek": DEEPSEEK,
    "deepseek_v2": replace(DEEPSEEK, mlp_bias_flag="mlp_bias"),
    "deepseek_v3": DEEPSEEK,
    "kimi_k2": DEEPSEEK,
    "olmo": Family(attention_bias_flags=BIAS_FLAG, num_norms_per_layer=0),
    "olmo2": OLMO2,
    "olmo3": OLMO2,
    "olmoe": OLMO2,
    "granite": LLAMA,
    "granitemoe": Family(attention_bias_flags=BIAS_FLAG, tied_by_default=True),
    "granitemoeshared": Family(attention_bias_flags=BIAS_FLAG, tied_by_default=True),
    "cohere": COHERE,
    "cohere2": COHERE,
    "stablelm": Family(
        attention_bias_flags=(("use_qkv_bias", "qkv", False),), norm_bias=True, qk_norm="full",
        qk_norm_flag="qk_layernorm", adjust=_stablelm,
    ),
    "chatglm": Family(attention_bias_flags=CHATGLM_BIAS, mlp_bias_flag="add_bias_linear", adjust=_chatglm),
    "glm": Family(attention_bias_flags=GLM_BIAS),
    "glm4": Family(attention_bias_flags=GLM_BIAS, num_norms_per_layer=4, usual_head_dim=128),
    "glm4_moe": Family(
        attention_bias_flags=(("attention_bias", "qkv", False),), qk_norm="head", qk_norm_flag="use_qk_norm",
    ),
    "gpt_oss": Family(attention_bias_flags=(("attention_bias", "all", True),), mlp_bias=True, usual_head_dim=64),
    "llama4_text": Family(attention_bias_flags=BIAS_FLAG, usual_head_dim=128, adjust=_llama4),
    "exaone4": Family(qk_norm="head"),
}  # fmt: skip
"""Model types whose layers ``ModelSpec`` describes."""

NO_PLAIN_DECODERS = frozenset(
    {
        "albert", "bamba", "bart", "bert", "blenderbot", "deberta", "deberta-v2", "distilbert", "electra", "falcon_h1",
        "falcon_mamba", "funnel", "gemma3n", "gemma3n_text", "granitemoehybrid", "jamba", "kimi_linear", "lfm2",
        "longformer", "mamba", "mamba2", "marian", "mbart", "minimax", "mpnet", "mt5", "modernbert", "nemotron_h",
        "pegasus", "qwen3_next", "recurrent_gemma", "roberta", "rwkv", "t5", "umt5", "vit", "wav2vec2", "whisper",
        "xlm-roberta", "xlstm", "zamba", "zamba2",
    }
)  # fmt: skip
"""Encoders, and layers with recurrence or state spaces: their dimensions have these names and mean something else."""
