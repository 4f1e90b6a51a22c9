"""The base model from a torchtune component: ``{_component_: torchtune.models.llama3.llama3, num_layers: 32, ...}``."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from planner.catalog.load import Catalog
from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec
from planner.errors import ConfigError, UnknownNameError

BUILDERS: dict[str, dict[str, Any]] = {
    "llama2": {},
    "llama3": {},
    "llama3_1": {},
    "llama3_2": {"tied_embeddings": True},
    "mistral": {},
    "phi3": {},
    "gemma": {"tied_embeddings": True},
    "gemma2": {"tied_embeddings": True, "num_norms_per_layer": 4},
    "qwen2": {"attention_bias": "qkv"},
    "qwen2_5": {"attention_bias": "qkv"},
    "qwen3": {"qk_norm": "head"},
}
"""Builders that take sizes, and what their layers have beyond Llama's."""
PREFIXES = ("lora_", "qlora_", "dora_", "qdora_")
SIZES = {
    "num_layers": "num_layers",
    "hidden_dim": "embed_dim",
    "num_heads": "num_heads",
    "num_kv_heads": "num_kv_heads",
    "vocab_size": "vocab_size",
}


def recognises_spec(content: Mapping[str, Any]) -> bool:
    return str(content.get("_component_", "")).startswith("torchtune.")


def read_torchtune_spec(config: Params, catalog: Catalog) -> ModelSpec:
    """The model of a component; one without sizes is looked up in the catalog. Raises ``ConfigError``."""
    component = config.text("_component_") or ""
    builder = component.rpartition(".")[2]
    for prefix in PREFIXES:
        builder = builder.removeprefix(prefix)
    if builder not in BUILDERS:
        listed = _listed(builder, catalog)
        if listed is None:
            raise UnknownNameError.among(
                "torchtune component", builder, BUILDERS, "(a name with a size is looked up in the catalog)"
            )
        return listed
    found = {ours: config.integer(theirs) for ours, theirs in SIZES.items()}
    if missing := [SIZES[ours] for ours, value in found.items() if value is None]:
        raise ConfigError(f"{component[:80]} takes sizes, and {', '.join(missing)} missing")
    fields: dict[str, Any] = {**BUILDERS[builder], **found}
    tied = config.flag("tie_word_embeddings")
    try:
        return ModelSpec(
            name=builder,
            family=builder,
            head_dim=config.integer("head_dim") or fields["hidden_dim"] // max(fields["num_heads"], 1),
            ffn_dim=config.integer("intermediate_dim") or llama_ffn_dim(fields["hidden_dim"]),
            **{**fields, **({} if tied is None else {"tied_embeddings": tied})},
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{SIZES.get(place, place) or component[:80]}: {first['msg']}") from error


def llama_ffn_dim(hidden_dim: int) -> int:
    """Width where none is given: two thirds of 4 x hidden size, up to a multiple of 256 (arXiv 2302.13971, 2.2)."""
    return -(-(8 * hidden_dim // 3) // 256) * 256


def _listed(size: str, catalog: Catalog) -> ModelSpec | None:
    """``llama3_1_8b`` and the catalog's ``llama-3.1-8b`` are one name once only letters and digits are compared."""
    wanted = _letters_and_digits(re.sub(r"_(base|instruct|reward|classifier)$", "", size))
    return next((spec for name, spec in catalog.models.items() if _letters_and_digits(name) == wanted), None)


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
