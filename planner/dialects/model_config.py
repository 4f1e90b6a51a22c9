"""A base model from whatever configuration describes it: Hugging Face's, Megatron's or torchtune's."""

from collections.abc import Mapping
from typing import Any, Literal

from planner.catalog.load import Catalog
from planner.dialects import megatron_model, torchtune_model
from planner.dialects.hf_model import DIMENSIONS, flattened, read_hf_config
from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec
from planner.errors import ConfigError

Kind = Literal["Hugging Face", "Megatron", "torchtune"]
HF_SIGNS = ("model_type", "architectures", "text_config", *DIMENSIONS["hidden_dim"])


def kind_of(content: Mapping[str, Any]) -> Kind | None:
    """Whose configuration it is; None where it is nobody's, for example foretune's own dimensions."""
    if torchtune_model.recognises_spec(content):
        return "torchtune"
    if megatron_model.recognises_spec(content):
        return "Megatron"
    return "Hugging Face" if any(sign in content for sign in HF_SIGNS) else None


def read_model_config(content: Mapping[str, Any], *, name: str, place: str, catalog: Catalog) -> ModelSpec:
    """The model, called ``name`` unless the configuration names it; ``place`` goes into its origin.

    Raises ``ConfigError`` that names the missing or impossible fields, or says that it is nobody's configuration.
    """
    kind = kind_of(content)
    if kind == "torchtune":
        spec = torchtune_model.read_torchtune_spec(Params(flattened(content)), catalog)
    elif kind == "Megatron":
        spec = megatron_model.read_megatron_spec(content, name=name)
    elif kind == "Hugging Face":
        named = str(content.get("_name_or_path") or "").strip()
        shown = name if not named or named.startswith(("/", ".", "~")) else named
        spec = read_hf_config(Params(flattened(content)), name=shown, may_assume=True)
    else:
        raise ConfigError(
            "no model configuration that foretune reads: Hugging Face's has model_type and hidden_size, Megatron's "
            "num-layers, hidden-size and num-attention-heads, torchtune's _component_"
        )
    return spec.model_copy(update={"origin": f"{kind} configuration {place}"[:500]})
