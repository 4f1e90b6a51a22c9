"""The shape of a base model."""

from typing import Literal

from pydantic import Field, model_validator

from planner.domain import Frozen


class ModelSpec(Frozen):
    """A decoder transformer by its dimensions, named as in Hugging Face's configuration files where they agree."""

    name: str = Field(min_length=1, max_length=200)
    family: str | None = None
    num_layers: int = Field(gt=0, le=1000)
    hidden_dim: int = Field(gt=0, le=1_000_000)
    num_heads: int = Field(gt=0, le=10_000)
    num_kv_heads: int = Field(gt=0, le=10_000)
    """Key/value heads: fewer than ``num_heads`` under grouped-query attention."""
    head_dim: int = Field(gt=0, le=100_000)
    ffn_dim: int = Field(gt=0, le=10_000_000)
    """Width of the feed-forward block; of one expert under mixture of experts."""
    vocab_size: int = Field(gt=0, le=100_000_000)
    tied_embeddings: bool = False
    gated_mlp: bool = True
    attention_bias: Literal["none", "qkv", "all"] = "none"
    mlp_bias: bool = False
    num_norms_per_layer: int = Field(default=2, ge=0, le=16)
    norm_bias: bool = False
    learned_positions: int = Field(default=0, ge=0)
    num_experts: int | None = Field(default=None, gt=0)
    """Routed experts in a layer; None for a dense model."""
    experts_per_token: int | None = Field(default=None, gt=0)
    published_params: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> "ModelSpec":
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}")
        if (self.num_experts is None) != (self.experts_per_token is None):
            raise ValueError("num_experts and experts_per_token go together")
        if self.num_experts and self.experts_per_token and self.experts_per_token > self.num_experts:
            raise ValueError(f"experts_per_token {self.experts_per_token} exceeds num_experts {self.num_experts}")
        return self

    @property
    def q_dim(self) -> int:
        return self.num_heads * self.head_dim

    @property
    def kv_dim(self) -> int:
        return self.num_kv_heads * self.head_dim
