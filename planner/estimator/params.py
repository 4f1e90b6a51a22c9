"""Parameter counts from a model's dimensions."""

from functools import lru_cache
from typing import NamedTuple

from planner.domain.layer_matrices import (
    FeedForward,
    Matrix,
    attention_bias_size,
    attention_matrices,
    feed_forward_matrices,
    feed_forward_size,
    feed_forwards,
    layer_norms_size,
    norm_size,
)
from planner.domain.model_spec import ModelSpec
from planner.estimator.elementwise import cached_for_numbers


class ParamCounts(NamedTuple):
    """Parameters by where they sit; ``total`` is their sum. Layers may differ: what is *per layer* is their mean."""

    embeddings: int
    """Token and learned position embeddings."""
    head: int
    """The output head; 0 where it is tied to the embeddings."""
    attention_per_layer: int
    """Matrices and biases of the attention of one layer."""
    mlps: int
    """Matrices and biases of the feed-forward of all layers, all experts."""
    routed_experts: int
    """Of ``mlps`` what expert parallelism divides."""
    active_mlps: int
    """What one token uses of ``mlps``."""
    routers: int
    norms_per_layer: int
    """Norms inside the attention included."""
    final_norm: int
    num_layers: int

    @property
    def mlp_per_layer(self) -> float:
        return self.mlps / self.num_layers

    @property
    def active_mlp_per_layer(self) -> float:
        """What one token uses of ``mlp_per_layer``."""
        return self.active_mlps / self.num_layers

    @property
    def routed_experts_per_layer(self) -> float:
        return self.routed_experts / self.num_layers

    @property
    def router_per_layer(self) -> float:
        return self.routers / self.num_layers

    @property
    def linear_per_layer(self) -> float:
        """What 4-bit formats quantise and LoRA adapts."""
        return self.attention_per_layer + self.mlp_per_layer

    @property
    def non_embedding(self) -> int:
        return self.total - self.embeddings

    @property
    def total(self) -> int:
        layers = self.num_layers * (self.attention_per_layer + self.norms_per_layer) + self.mlps + self.routers
        return self.embeddings + self.head + self.final_norm + layers

    @property
    def active(self) -> int:
        """Parameters that one token passes through, embeddings included."""
        return self.total - self.mlps + self.active_mlps


@lru_cache(maxsize=4096)
def count_params(model: ModelSpec) -> ParamCounts:
    """Parameters of a decoder transformer, exact up to a few vectors (gates of shared experts, biases of the head).

    Source: the shapes of the matrices in Hugging Face's model files.
    """
    h = model.hidden_dim
    blocks = [(block, feed_forward_size(model, block.width)) for block in feed_forwards(model)]
    return ParamCounts(
        embeddings=(model.vocab_size + model.learned_positions) * h,
        head=0 if model.tied_embeddings else model.vocab_size * h,
        attention_per_layer=sum(matrix.size for matrix in attention_matrices(model)) + attention_bias_size(model),
        mlps=sum(block.copies * size for block, size in blocks),
        routed_experts=sum(block.copies * size for block, size in blocks if block.is_routed),
        active_mlps=sum(block.used * size for block, size in blocks),
        routers=h * (model.num_experts or 0) * model.num_moe_layers,
        norms_per_layer=layer_norms_size(model),
        final_norm=norm_size(model),
        num_layers=model.num_layers,
    )


class AdapterCounts(NamedTuple):
    """LoRA on one model: sums over the adapted modules of a layer, each expert counted; means where layers differ."""

    modules_per_layer: float
    params_per_layer: float
    input_width: float
    """Sum of the input widths of the modules that one token passes through."""
    distinct_input_width: float
    """The same, an input that several modules read (q, k, v) counted once."""
    output_width: float
    """Sum of the output widths of the modules that one token passes through."""
    active_params_per_layer: float
    """What one token passes through of ``params_per_layer``."""


class _Adapted(NamedTuple):
    """Equal matrices of all layers together, and how many of them one token passes through."""

    matrix: Matrix
    copies: int
    used: int
    read: tuple[str, FeedForward | None]
    """The tensor they read."""


@lru_cache(maxsize=4096)
def _adaptable(model: ModelSpec) -> tuple[_Adapted, ...]:
    layers = model.num_layers
    attention = [_Adapted(matrix, layers, layers, (matrix.reads, None)) for matrix in attention_matrices(model)]
    inner = [
        _Adapted(matrix, block.copies, block.used, (matrix.reads, block))
        for block in feed_forwards(model)
        for matrix in feed_forward_matrices(model, block.width)
    ]
    return (*attention, *inner)


@cached_for_numbers
def count_adapter(model: ModelSpec, rank: int, targets: tuple[str, ...]) -> AdapterCounts:
    """LoRA adds ``rank x (inputs + outputs)`` to each adapted matrix (arXiv 2106.09685, section 4.1).

    A feed-forward without gate has no ``gate_proj``: the target is then left out.
    """
    adapted = [one for one in _adaptable(model) if one.matrix.name in targets]
    distinct = {one.read: one.used * one.matrix.inputs for one in adapted}
    inputs = sum(one.used * one.matrix.inputs for one in adapted)
    outputs = sum(one.used * one.matrix.outputs for one in adapted)
    params = sum(one.copies * rank * (one.matrix.inputs + one.matrix.outputs) for one in adapted)
    layers = model.num_layers
    return AdapterCounts(
        modules_per_layer=sum(one.copies for one in adapted) / layers,
        params_per_layer=params / layers,
        input_width=inputs / layers,
        distinct_input_width=sum(distinct.values()) / layers,
        output_width=outputs / layers,
        active_params_per_layer=rank * (inputs + outputs) / layers,
    )
