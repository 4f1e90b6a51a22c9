"""The base model from the configuration that Hugging Face's callback logs."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from planner.catalog.load import Catalog
from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec

Bias = Literal["none", "qkv", "all"]


@dataclass(frozen=True)
class Family:
    """What a model type implies and its configuration does not say. ``attention_bias`` None: a parameter says it."""

    attention_bias: Bias | None
    num_norms_per_layer: int = 2
    tied_by_default: bool = False


FAMILIES = {
    "llama": Family(attention_bias=None),
    "mistral": Family(attention_bias="none"),
    "mixtral": Family(attention_bias="none"),
    "qwen2": Family(attention_bias="qkv"),
    "qwen3": Family(attention_bias=None),
    "gemma": Family(attention_bias=None, tied_by_default=True),
    "gemma2": Family(attention_bias=None, num_norms_per_layer=4, tied_by_default=True),
    "phi3": Family(attention_bias="none"),
    "granite": Family(attention_bias=None),
}
"""Model types whose layers ``ModelSpec`` describes: read in transformers 5, gated MLP and RMS norms throughout."""

DIMENSIONS = {
    "num_layers": "num_hidden_layers",
    "hidden_dim": "hidden_size",
    "num_heads": "num_attention_heads",
    "ffn_dim": "intermediate_size",
    "vocab_size": "vocab_size",
}


@dataclass(frozen=True)
class FoundModel:
    """The model, or why it is not known."""

    spec: ModelSpec | None
    rule: str


def read_model(params: Params, catalog: Catalog) -> FoundModel:
    """The catalog's model where name and dimensions agree, else one made of the logged dimensions."""
    inner = "text_config." if params.integer("hidden_size") is None and params.nested("text_config") else ""
    name = params.text("_name_or_path") or params.text("model_name_or_path")
    listed = _listed(name, catalog)
    dimensions = {ours: params.integer(inner + theirs) for ours, theirs in DIMENSIONS.items()}
    missing = [DIMENSIONS[ours] for ours, value in dimensions.items() if value is None]
    if missing:
        if listed is not None:
            return FoundModel(listed, f"param _name_or_path = {name}, dimensions from the catalog")
        return FoundModel(None, f"params {', '.join(missing)}, and a catalog entry called {(name or 'nothing')[:80]!r}")
    if listed is not None and all(getattr(listed, ours) == value for ours, value in dimensions.items()):
        return FoundModel(listed, f"param _name_or_path = {name}; the catalog's dimensions agree with those logged")
    model_type = params.text(inner + "model_type") or ""
    if model_type not in FAMILIES:
        return FoundModel(
            None,
            f"params model_type and dimensions: how layers of type {model_type[:60]!r} are built is not known",
        )
    return _from_dimensions(params, inner, name=name or model_type, family_name=model_type, dimensions=dimensions)


def _from_dimensions(
    params: Params, inner: str, *, name: str, family_name: str, dimensions: dict[str, Any]
) -> FoundModel:
    family = FAMILIES[family_name]
    hidden, heads = dimensions["hidden_dim"], dimensions["num_heads"]
    biased: Bias = "all" if params.flag(inner + "attention_bias") else "none"
    tied = params.flag(inner + "tie_word_embeddings")
    try:
        spec = ModelSpec(
            name=name[:200],
            family=family_name,
            num_kv_heads=params.integer(inner + "num_key_value_heads") or heads,
            head_dim=params.integer(inner + "head_dim") or hidden // max(heads, 1),
            tied_embeddings=family.tied_by_default if tied is None else tied,
            attention_bias=family.attention_bias or biased,
            mlp_bias=bool(params.flag(inner + "mlp_bias")),
            num_norms_per_layer=family.num_norms_per_layer,
            num_experts=params.integer(inner + "num_local_experts"),
            experts_per_token=params.integer(inner + "num_experts_per_tok")
            if f"{inner}num_local_experts" in params
            else None,
            **dimensions,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return FoundModel(None, f"params hidden_size, ...: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    return FoundModel(spec, f"params hidden_size, num_hidden_layers, ... of model type {family_name}")


def _listed(name: str | None, catalog: Catalog) -> ModelSpec | None:
    key = (name or "").strip().lower()
    return catalog.models.get(catalog.model_by_hub_id.get(key, key))
