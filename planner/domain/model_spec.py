"""The shape of a base model."""

from typing import Literal

from pydantic import Field, model_validator

from planner.domain import Frozen

QkNorm = Literal["none", "head", "full"]
"""Norms of queries and keys: one weight a head dimension, or as wide as all heads together."""


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
    """Width of one query and key head, its rotary part included."""
    ffn_dim: int = Field(gt=0, le=10_000_000)
    """Width of the feed-forward block; of one routed expert under mixture of experts."""
    vocab_size: int = Field(gt=0, le=100_000_000)
    tied_embeddings: bool = False
    gated_mlp: bool = True
    attention_bias: Literal["none", "qkv", "all"] = "none"
    mlp_bias: bool = False
    num_norms_per_layer: int = Field(default=2, ge=0, le=16)
    norm_bias: bool = False
    qk_norm: QkNorm = "none"
    learned_positions: int = Field(default=0, ge=0, le=100_000_000)
    num_experts: int | None = Field(default=None, gt=0, le=100_000)
    """Routed experts in a layer; None for a dense model."""
    experts_per_token: int | None = Field(default=None, gt=0)
    shared_expert_ffn_dim: int | None = Field(default=None, gt=0, le=10_000_000)
    """Width of the experts that every token passes through, taken together; None: there are none."""
    first_dense_layers: int = Field(default=0, ge=0, le=1000)
    """Leading layers without routed experts."""
    moe_layer_period: int = Field(default=1, gt=0, le=1000)
    """Of the layers after them every so many-th has routed experts, the others are dense."""
    dense_ffn_dim: int | None = Field(default=None, gt=0, le=10_000_000)
    """Width of the feed-forward of dense layers beside layers of experts; None: ``ffn_dim``."""
    kv_lora_rank: int | None = Field(default=None, gt=0, le=1_000_000)
    """Width of the latent that keys and values are made of (arXiv 2405.04434, section 2.1); None: no latent."""
    q_lora_rank: int | None = Field(default=None, gt=0, le=1_000_000)
    """Width of the latent of the queries; None: they are made of the hidden state."""
    qk_rope_head_dim: int | None = Field(default=None, gt=0, le=100_000)
    """Rotary part of ``head_dim``, whose keys all heads share under latent attention."""
    v_head_dim: int | None = Field(default=None, gt=0, le=100_000)
    """Width of one value head; None: ``head_dim``."""
    sliding_window: int | None = Field(default=None, gt=0, le=100_000_000)
    """Tokens that a query of a windowed layer sees; None: all before it."""
    num_windowed_layers: int = Field(default=0, ge=0, le=1000)
    """Layers with that window; the others see all tokens."""
    published_params: int | None = Field(default=None, gt=0)
    origin: str | None = Field(default=None, max_length=500)
    """The configuration that the dimensions were read from; None: the catalog, or the run itself."""
    assumption: str | None = Field(default=None, max_length=500)
    """What a reader of configurations had to assume about the layers; None: nothing."""

    @model_validator(mode="after")
    def _consistent(self) -> "ModelSpec":
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}")
        if (self.num_experts is None) != (self.experts_per_token is None):
            raise ValueError("num_experts and experts_per_token go together")
        if self.num_experts and self.experts_per_token and self.experts_per_token > self.num_experts:
            raise ValueError(f"experts_per_token {self.experts_per_token} exceeds num_experts {self.num_experts}")
        if self.num_experts is not None and not self.num_moe_layers:
            raise ValueError(
                f"num_experts {self.num_experts}, but first_dense_layers {self.first_dense_layers} and "
                f"moe_layer_period {self.moe_layer_period} leave none of {self.num_layers} layers with experts"
            )
        if (self.sliding_window is None) != (self.num_windowed_layers == 0):
            raise ValueError("sliding_window and num_windowed_layers go together")
        if self.num_windowed_layers > self.num_layers:
            raise ValueError(f"num_windowed_layers {self.num_windowed_layers} exceeds num_layers {self.num_layers}")
        if (self.kv_lora_rank is None) != (self.qk_rope_head_dim is None):
            raise ValueError("kv_lora_rank and qk_rope_head_dim go together")
        if self.q_lora_rank is not None and self.kv_lora_rank is None:
            raise ValueError(f"q_lora_rank {self.q_lora_rank} needs kv_lora_rank")
        if self.qk_rope_head_dim is not None and self.qk_rope_head_dim >= self.head_dim:
            raise ValueError(f"qk_rope_head_dim {self.qk_rope_head_dim} must be below head_dim {self.head_dim}")
        return self

    @property
    def q_dim(self) -> int:
        return self.num_heads * self.head_dim

    @property
    def kv_dim(self) -> int:
        return self.num_kv_heads * self.head_dim

    @property
    def v_dim(self) -> int:
        """Width of what attention hands to its output matrix."""
        return self.num_heads * (self.v_head_dim or self.head_dim)

    @property
    def num_moe_layers(self) -> int:
        """Layers with routed experts; 0 for a dense model."""
        if self.num_experts is None:
            return 0
        return max(self.num_layers - self.first_dense_layers, 0) // self.moe_layer_period
