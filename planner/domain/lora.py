"""The size of an adapter: rank and adapted modules."""

from typing import Any, Literal

from pydantic import Field, field_validator

from planner.domain import Frozen

SavedModule = Literal["embeddings", "head", "norms"]


class Lora(Frozen):
    """A low-rank adapter (arXiv 2106.09685)."""

    rank: int | None = Field(default=None, gt=0, le=65_536)
    targets: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Adapted modules (q_proj, ..., down_proj); in YAML also a set: attn_qv, attn_qkv, attn_all, mlp, all_linear."""
    modules_to_save: tuple[SavedModule, ...] = ()
    """Modules trained whole beside the adapter: embeddings, head, norms."""

    @field_validator("targets", mode="before", json_schema_input_type=tuple[str, ...] | str | None)
    @classmethod
    def _named_set(cls, value: Any) -> Any:
        return LORA_TARGET_SETS.get(value, tuple(value.split("+"))) if isinstance(value, str) else value

    @field_validator("targets")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for target in value or ():
            if target not in LORA_TARGET_SETS["all_linear"]:
                raise ValueError(f"unknown LoRA target {target!r}: one of {', '.join(LORA_TARGET_SETS['all_linear'])}")
        return value


LORA_TARGET_SETS: dict[str, tuple[str, ...]] = {
    "attn_qv": ("q_proj", "v_proj"),
    "attn_qkv": ("q_proj", "k_proj", "v_proj"),
    "attn_all": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
    "all_linear": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}
