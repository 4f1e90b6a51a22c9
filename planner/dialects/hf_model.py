"""The base model from a configuration of Hugging Face: a ``config.json``, or what its callback logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from planner.catalog.load import Catalog
from planner.dialects.hf_families import FAMILIES, LLAMA, NO_PLAIN_DECODERS, Bias, Family
from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec
from planner.errors import ConfigError

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "num_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden_dim": ("hidden_size", "n_embd", "d_model", "n_embed"),
    "num_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "ffn_dim": ("intermediate_size", "ffn_hidden_size", "inner_hidden_size", "ffn_dim", "n_inner"),
    "vocab_size": ("padded_vocab_size", "vocab_size"),
}
"""What every model has, and its names in configurations."""
INNER = ("text_config", "llm_config", "language_config", "thinker_config.text_config")
"""Where models with pictures or sound keep the configuration of their language model."""
DEEPEST = 4
"""Levels of a configuration that are read."""
OTHER_PARTS = ("vision_config", "audio_config", "vision_model_config", "audio_processor")
NUM_EXPERTS = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
EXPERTS_PER_TOKEN = ("num_experts_per_tok", "experts_per_token", "num_experts_per_token", "moe_k", "moe_topk")
NUM_SHARED_EXPERTS = ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
ALTERNATING = {"gemma2": 2, "gemma3_text": 6, "gpt_oss": 2, "cohere2": 4}
"""Every so many-th layer sees all tokens, the others a window, where a configuration does not list them."""
SHARED_WIDTH = ("shared_expert_intermediate_size", "shared_intermediate_size")


@dataclass(frozen=True)
class FoundModel:
    """The model, or why it is not known."""

    spec: ModelSpec | None
    rule: str


def flattened(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A parsed configuration as params: ``{"text_config": {"hidden_size": 8}}`` is ``text_config.hidden_size``."""
    flat: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, Mapping) and prefix.count(".") < DEEPEST:
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


def read_hf_config(config: Params, *, name: str, may_assume: bool) -> ModelSpec:
    """The model of a configuration; layers of a type that is not known are taken for Llama's where that is allowed.

    Raises ``ConfigError`` that names the missing or impossible fields.
    """
    part, is_inner = _language_part(config)
    model_type = part.text("model_type") or (None if is_inner else config.text("model_type"))
    family, assumptions = _family(part, model_type, may_assume=may_assume)
    if is_inner or any(config.nested(key) for key in OTHER_PARTS):
        assumptions.append("the language model alone: parts for pictures or sound are left out")
    found, missing = _dimensions(part, family, fill_in=is_inner)
    if missing:
        wanted = ", ".join(" or ".join(DIMENSIONS[field]) for field in missing)
        raise ConfigError(f"not a whole model configuration: {wanted} missing")
    fields = {**found, **_attention(part, family, found), **_layers(part, family), **_experts(part, found)}
    fields |= _window(part, found["num_layers"])
    tied = [flag for owner in (part, config) if (flag := owner.flag("tie_word_embeddings")) is not None]
    fields["tied_embeddings"] = tied[0] if tied else family.tied_by_default
    if family.adjust is not None:
        fields |= family.adjust(part, found)
    if "assumption" in fields:
        assumptions.append(fields.pop("assumption"))
    try:
        return ModelSpec(name=name[:200], family=model_type, assumption="; ".join(assumptions)[:500] or None, **fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        keys = " or ".join(DIMENSIONS.get(place, (place,)))
        raise ConfigError(f"{keys}: {first['msg']}" if place else first["msg"].removeprefix("Value error, ")) from error


def _language_part(config: Params) -> tuple[Params, bool]:
    """The configuration that holds the dimensions, and whether it lies inside another one."""
    if _first(config, DIMENSIONS["hidden_dim"]) is None:
        for key in INNER:
            if inner := config.nested(key):
                return Params({name: str(value) for name, value in inner.items()}), True
    return config, False


def _first(config: Params, keys: tuple[str, ...]) -> int | None:
    return next((value for key in keys if (value := config.integer(key)) is not None), None)


def _family(part: Params, model_type: str | None, *, may_assume: bool) -> tuple[Family, list[str]]:
    if model_type in FAMILIES:
        return FAMILIES[model_type], []
    shown = f"layers of type {(model_type or 'none given')[:60]!r}"
    if not may_assume:
        raise ConfigError(f"model_type: how {shown} are built is not known")
    if model_type in NO_PLAIN_DECODERS or part.flag("is_encoder_decoder"):
        raise ConfigError(f"model_type: {shown} are no plain decoder layers; no dimensions of foretune describe them")
    return LLAMA, [f"{shown} are not known and were taken for Llama's (gated feed-forward, two norms, no biases)"]


def _dimensions(part: Params, family: Family, *, fill_in: bool) -> tuple[dict[str, int], list[str]]:
    """The dimensions that every model has, and those that are missing."""
    found = {field: _first(part, keys) for field, keys in DIMENSIONS.items()}
    if fill_in:
        usual = {field: family.usual.get(keys[0], family.usual.get(field)) for field, keys in DIMENSIONS.items()}
        found = {field: usual[field] if value is None else value for field, value in found.items()}
    if found["ffn_dim"] is None and family.ffn_ratio is not None and found["hidden_dim"] is not None:
        found["ffn_dim"] = family.ffn_ratio * found["hidden_dim"]
    known = {field: value for field, value in found.items() if value is not None}
    return known, [field for field in DIMENSIONS if field not in known]


def _attention(part: Params, family: Family, found: Mapping[str, int]) -> dict[str, Any]:
    hidden, heads = found["hidden_dim"], found["num_heads"]
    flagged = [kind for key, kind, usual in family.attention_bias_flags if _flag(part, key, usual)]
    bias: Bias = flagged[0] if flagged else family.attention_bias
    fields: dict[str, Any] = {
        "num_kv_heads": part.integer("num_key_value_heads") or family.usual.get("num_key_value_heads") or heads,
        "head_dim": _first(part, ("head_dim", "kv_channels")) or family.usual_head_dim or hidden // max(heads, 1),
        "attention_bias": bias,
        "qk_norm": family.qk_norm if family.qk_norm_flag is None or part.flag(family.qk_norm_flag) else "none",
    }
    latent, rotary = part.integer("kv_lora_rank"), part.integer("qk_rope_head_dim")
    if latent is not None:
        plain = part.integer("qk_nope_head_dim")
        if rotary is None or plain is None:
            raise ConfigError("kv_lora_rank is given, but qk_rope_head_dim or qk_nope_head_dim is missing")
        fields |= {
            "num_kv_heads": heads,
            "head_dim": plain + rotary,
            "kv_lora_rank": latent,
            "q_lora_rank": part.integer("q_lora_rank"),
            "qk_rope_head_dim": rotary,
            "v_head_dim": part.integer("v_head_dim"),
        }
    return fields


def _window(part: Params, num_layers: int) -> dict[str, Any]:
    """The window and how many layers have it: by the list of layer types, by their period, else all."""
    window = part.integer("sliding_window")
    if not window or part.flag("use_sliding_window") is False:
        return {}
    types = part.words("layer_types")
    period = part.integer("sliding_window_pattern") or ALTERNATING.get(part.text("model_type") or "")
    windowed = num_layers
    if types:
        windowed = types.count("sliding_attention")
    elif period:
        windowed = num_layers - num_layers // period
    elif part.flag("use_sliding_window"):
        windowed = max(num_layers - (part.integer("max_window_layers") or 0), 0)
    return {"sliding_window": window, "num_windowed_layers": windowed} if windowed else {}


def _layers(part: Params, family: Family) -> dict[str, Any]:
    flag = family.mlp_bias_flag
    positions = part.integer(family.positions_key) if family.positions_key else None
    return {
        "gated_mlp": family.gated_mlp,
        "mlp_bias": family.mlp_bias if flag is None else _flag(part, flag, family.mlp_bias),
        "num_norms_per_layer": family.num_norms_per_layer,
        "norm_bias": family.norm_bias,
        "learned_positions": 0 if positions is None else positions + family.positions_offset,
    }


def _experts(part: Params, found: Mapping[str, int]) -> dict[str, Any]:
    """Routed and shared experts, and the dense layers beside them; nothing for a dense model."""
    experts = _first(part, NUM_EXPERTS)
    if experts is None or experts <= 1:
        return {}
    used, width = _first(part, EXPERTS_PER_TOKEN), part.integer("moe_intermediate_size") or found["ffn_dim"]
    if used is None:
        raise ConfigError(f"{experts} experts, but {' or '.join(EXPERTS_PER_TOKEN)} missing")
    num_shared = _first(part, NUM_SHARED_EXPERTS)
    shared = _first(part, SHARED_WIDTH) or (num_shared * width if num_shared else None)
    period = _first(part, ("decoder_sparse_step", "moe_layer_freq")) or 1
    first_dense = part.integer("first_k_dense_replace") or sum(word.isdigit() for word in part.words("mlp_only_layers"))
    return {
        "ffn_dim": width,
        "num_experts": experts,
        "experts_per_token": used,
        "shared_expert_ffn_dim": shared or None,
        "moe_layer_period": period,
        "first_dense_layers": first_dense,
        "dense_ffn_dim": found["ffn_dim"] if first_dense or period > 1 else None,
    }


def _flag(part: Params, key: str, usual: bool) -> bool:
    value = part.flag(key)
    return usual if value is None else value


def read_model(params: Params, catalog: Catalog) -> FoundModel:
    """The catalog's model where name and dimensions agree, else one made of the logged dimensions."""
    name = params.text("_name_or_path") or params.text("model_name_or_path")
    listed = _listed(name, catalog)
    part, _ = _language_part(params)
    logged = {field: _first(part, keys) for field, keys in DIMENSIONS.items()}
    missing = [DIMENSIONS[field][0] for field, value in logged.items() if value is None]
    if listed is not None and missing:
        return FoundModel(listed, f"param _name_or_path = {name}, dimensions from the catalog")
    if listed is not None and all(getattr(listed, field) == value for field, value in logged.items()):
        return FoundModel(listed, f"param _name_or_path = {name}; the catalog's dimensions agree with those logged")
    if len(missing) == len(logged):
        return FoundModel(None, f"params {', '.join(missing)}, and a catalog entry called {(name or 'nothing')[:80]!r}")
    try:
        spec = read_hf_config(params, name=name or part.text("model_type") or "model", may_assume=False)
    except ConfigError as error:
        return FoundModel(None, f"params hidden_size, ...: {error}")
    return FoundModel(spec, f"params hidden_size, num_hidden_layers, ... of model type {spec.family}")


def _listed(name: str | None, catalog: Catalog) -> ModelSpec | None:
    key = (name or "").strip().lower()
    return catalog.models.get(catalog.model_by_hub_id.get(key, key))
