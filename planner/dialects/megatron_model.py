"""The base model from arguments of Megatron-LM, or from the model configuration of NeMo and Megatron Core."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec
from planner.errors import ConfigError

SECTIONS = ("model", "MODEL_ARGS", "model_args", "args", "language_model", "config")
"""Where configuration files keep the arguments of the model."""
SIZES = {"num_layers": "num_layers", "hidden_dim": "hidden_size", "num_heads": "num_attention_heads"}
PLAIN_FFN_RATIO = 4
PADDING_UNIT = 128
"""Megatron pads the vocabulary to a multiple of it times the tensor parallel size."""


def recognises_spec(content: Mapping[str, Any]) -> bool:
    return _section(content) is not None


def _plain(key: object) -> str:
    return str(key).lstrip("-").replace("-", "_")


def _section(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments under plain names (``--num-layers`` is ``num_layers``), from wherever the file keeps them."""
    for owner in (content, *(content[key] for key in SECTIONS if isinstance(content.get(key), Mapping))):
        plain = {_plain(key): value for key, value in owner.items()}
        if set(SIZES.values()) <= set(plain) and "model_type" not in plain:
            return plain
    return None


def read_megatron_spec(content: Mapping[str, Any], *, name: str) -> ModelSpec:
    """The model of a Megatron configuration. Raises ``ConfigError`` that names missing or impossible arguments."""
    section = _section(content)
    if section is None:
        raise ConfigError(f"not a whole Megatron configuration: {', '.join(SIZES.values())} are needed")
    args = Params({key: str(value) for key, value in section.items()})
    found = {ours: args.integer(theirs) for ours, theirs in SIZES.items()}
    if missing := [SIZES[ours] for ours, value in found.items() if value is None]:
        raise ConfigError(f"{', '.join(missing)}: must be whole numbers")
    hidden, heads = found["hidden_dim"] or 0, found["num_heads"] or 0
    vocab, assumption = _vocabulary(args)
    biased = _one_of(args, disabled="disable_bias_linear", enabled=("add_bias_linear", "bias"), usual=True)
    fields: dict[str, Any] = {
        **found,
        "num_kv_heads": _kv_heads(args, heads),
        "head_dim": args.integer("kv_channels") or hidden // max(heads, 1),
        "ffn_dim": _ffn_dim(args, hidden),
        "vocab_size": vocab,
        "tied_embeddings": _one_of(
            args,
            disabled="untie_embeddings_and_output_weights",
            enabled=("share_embeddings_and_output_weights",),
            usual=True,
        ),
        "gated_mlp": _is_gated(args),
        "attention_bias": "all" if biased else "qkv" if args.flag("add_qkv_bias") or args.flag("qkv_bias") else "none",
        "mlp_bias": biased,
        "norm_bias": (args.text("normalization") or "LayerNorm").lower() != "rmsnorm",
        "qk_norm": "head" if args.flag("qk_layernorm") else "none",
        "learned_positions": _positions(args),
        **_latent_attention(args, heads),
        **_experts(args),
    }
    try:
        return ModelSpec(name=name[:200], family="megatron", assumption=assumption, **fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{SIZES.get(place, place) or 'dimensions'}: {first['msg']}") from error


def _one_of(args: Params, *, disabled: str, enabled: tuple[str, ...], usual: bool) -> bool:
    """A switch that Megatron turns off under one name and its configuration classes turn on under another."""
    if args.flag(disabled) is not None:
        return not args.flag(disabled)
    flags = [flag for key in enabled if (flag := args.flag(key)) is not None]
    return flags[0] if flags else usual


def _is_gated(args: Params) -> bool:
    activation = (args.text("activation") or args.text("activation_func") or "").lower()
    return bool(args.flag("swiglu") or args.flag("gated_linear_unit")) or "glu" in activation


def _ffn_dim(args: Params, hidden: int) -> int:
    """Without a width 4 x hidden size; under SwiGLU two thirds of it, down to a multiple of 64."""
    given = args.integer("ffn_hidden_size")
    if given is not None:
        return given
    return PLAIN_FFN_RATIO * hidden * 2 // 3 // 64 * 64 if args.flag("swiglu") else PLAIN_FFN_RATIO * hidden


def _kv_heads(args: Params, heads: int) -> int:
    """Groups count only where grouping is not switched off; as an argument they default to 1."""
    if args.flag("group_query_attention") is False:
        return heads
    return args.integer("num_query_groups") or (1 if args.flag("group_query_attention") else heads)


def _vocabulary(args: Params) -> tuple[int, str | None]:
    padded = args.integer("padded_vocab_size")
    if padded is not None:
        return padded, None
    size = args.integer("vocab_size") or args.integer("override_vocab_size")
    if size is None:
        raise ConfigError("vocab_size or padded_vocab_size missing: the tokenizer alone does not tell it")
    unit = (args.integer("make_vocab_size_divisible_by") or PADDING_UNIT) * (
        args.integer("tensor_model_parallel_size") or 1
    )
    padded = -(-size // max(unit, 1)) * unit
    return padded, None if padded == size else f"the vocabulary of {size:,} was padded to {padded:,}, as Megatron does"


def _positions(args: Params) -> int:
    kind = args.text("position_embedding_type") or "learned_absolute"
    if kind != "learned_absolute" or args.flag("use_rotary_position_embeddings"):
        return 0
    found = args.integer("max_position_embeddings") or args.integer("seq_length")
    if found is None:
        raise ConfigError("position_embedding_type is learned_absolute, and max_position_embeddings missing")
    return found


def _latent_attention(args: Params, heads: int) -> dict[str, Any]:
    """Multi-latent attention; what is not given has Megatron Core's usual sizes."""
    if not args.flag("multi_latent_attention"):
        return {}
    rotary = args.integer("qk_pos_emb_head_dim") or 64
    return {
        "num_kv_heads": heads,
        "head_dim": (args.integer("qk_head_dim") or 128) + rotary,
        "kv_lora_rank": args.integer("kv_lora_rank") or 512,
        "q_lora_rank": args.integer("q_lora_rank"),
        "qk_rope_head_dim": rotary,
        "v_head_dim": args.integer("v_head_dim") or 128,
        "qk_norm": "none",
    }


def _experts(args: Params) -> dict[str, Any]:
    experts = args.integer("num_experts") or args.integer("num_moe_experts")
    if experts is None:
        return {}
    hidden = args.integer("hidden_size") or 0
    dense, width = _ffn_dim(args, hidden), args.integer("moe_ffn_hidden_size") or _ffn_dim(args, hidden)
    first_dense, period = _moe_layers(args)
    return {
        "num_experts": experts,
        "experts_per_token": args.integer("moe_router_topk") or 2,
        "ffn_dim": width,
        "shared_expert_ffn_dim": args.integer("moe_shared_expert_intermediate_size"),
        "first_dense_layers": first_dense,
        "moe_layer_period": period,
        "dense_ffn_dim": dense if first_dense or period > 1 else None,
    }


def _moe_layers(args: Params) -> tuple[int, int]:
    """Leading dense layers and the period of layers with experts, from ``moe_layer_freq`` (a number or a pattern)."""
    text = args.text("moe_layer_freq")
    number = args.integer("moe_layer_freq")
    if text is None or number is not None:
        return 0, number or 1
    pattern = _pattern(text)
    if sorted(pattern) != list(pattern) or not set(pattern) <= {0, 1}:
        raise ConfigError(f"moe_layer_freq {text[:60]!r}: only leading dense layers are understood")
    return pattern.count(0), 1


def _pattern(text: str) -> tuple[int, ...]:
    """``([0]*1+[1]*26)`` or ``[0, 1, 1]`` as numbers."""
    numbers: list[int] = []
    for part in text.strip("() ").split("+"):
        listed, _, times = part.strip().partition("*")
        words = [word.strip() for word in listed.strip("[] ").split(",")]
        repeats = times.strip() or "1"
        if not all(word.isdecimal() for word in words) or not repeats.isdecimal() or int(repeats) > 1000:
            raise ConfigError(f"moe_layer_freq {text[:60]!r} is not understood: give a number or ([0]*1+[1]*26)")
        numbers += [int(word) for word in words] * int(repeats)
    return tuple(numbers)
