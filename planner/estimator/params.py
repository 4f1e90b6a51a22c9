"""Parameter counts from a model's dimensions."""

from functools import lru_cache
from typing import NamedTuple

from planner.domain.model_spec import ModelSpec


class ParamCounts(NamedTuple):
    """Parameters by where they sit; ``total`` is their sum."""

    embeddings: int
    """Token and learned position embeddings."""
    head: int
    """The output head; 0 where it is tied to the embeddings."""
    attention_per_layer: int
    """Matrices and biases of the attention of one layer."""
    mlp_per_layer: int
    """Matrices and biases of the feed-forward of one layer, all experts."""
    router_per_layer: int
    norms_per_layer: int
    final_norm: int
    num_layers: int
    active_mlp_per_layer: float
    """What one token uses of ``mlp_per_layer``."""

    @property
    def layer(self) -> int:
        return self.attention_per_layer + self.mlp_per_layer + self.router_per_layer + self.norms_per_layer

    @property
    def linear_per_layer(self) -> int:
        """What 4-bit formats quantise and LoRA adapts."""
        return self.attention_per_layer + self.mlp_per_layer

    @property
    def non_embedding(self) -> int:
        return self.total - self.embeddings

    @property
    def total(self) -> int:
        return self.embeddings + self.head + self.final_norm + self.num_layers * self.layer

    @property
    def active(self) -> float:
        """Parameters that one token passes through, embeddings included."""
        return self.total - self.num_layers * (self.mlp_per_layer - self.active_mlp_per_layer)


@lru_cache(maxsize=4096)
def count_params(model: ModelSpec) -> ParamCounts:
    """Parameters of a decoder transformer, exact up to norms inside the attention (Qwen 3: 2 x head_dim a layer).

    Source: the shapes of the matrices in Hugging Face's model files. Leaves out latent attention and shared experts.
    """
    h, q, kv, f = model.hidden_dim, model.q_dim, model.kv_dim, model.ffn_dim
    attention = h * q + 2 * h * kv + q * h
    if model.attention_bias != "none":
        attention += q + 2 * kv + (h if model.attention_bias == "all" else 0)
    mlp = (3 if model.gated_mlp else 2) * h * f
    if model.mlp_bias:
        mlp += (2 if model.gated_mlp else 1) * f + h
    norm = 2 * h if model.norm_bias else h
    experts = model.num_experts or 1
    return ParamCounts(
        embeddings=(model.vocab_size + model.learned_positions) * h,
        head=0 if model.tied_embeddings else model.vocab_size * h,
        attention_per_layer=attention,
        mlp_per_layer=mlp * experts,
        router_per_layer=0 if model.num_experts is None else h * model.num_experts,
        norms_per_layer=model.num_norms_per_layer * norm,
        final_norm=norm,
        num_layers=model.num_layers,
        active_mlp_per_layer=mlp * (model.experts_per_token or 1),
    )


class AdapterCounts(NamedTuple):
    """LoRA on one model: sums over the adapted modules of one layer, experts counted each."""

    modules_per_layer: int
    params_per_layer: int
    input_width: int
    """Sum of the input widths of the modules that one token passes through."""
    distinct_input_width: int
    """The same, an input that several modules read (q, k, v) counted once."""
    output_width: int
    """Sum of the output widths of the modules that one token passes through."""
    active_params_per_layer: int
    """What one token passes through of ``params_per_layer``."""


@lru_cache(maxsize=4096)
def count_adapter(model: ModelSpec, rank: int, targets: tuple[str, ...]) -> AdapterCounts:
    """LoRA adds ``rank x (inputs + outputs)`` to each adapted matrix (arXiv 2106.09685, section 4.1).

    A feed-forward without gate has no ``gate_proj``: the target is then left out.
    """
    h, q, kv, f = model.hidden_dim, model.q_dim, model.kv_dim, model.ffn_dim
    shapes = {
        "q_proj": (h, q),
        "k_proj": (h, kv),
        "v_proj": (h, kv),
        "o_proj": (q, h),
        "gate_proj": (h, f),
        "up_proj": (h, f),
        "down_proj": (f, h),
    }
    if not model.gated_mlp:
        del shapes["gate_proj"]
    shared_input = {"q_proj": "qkv", "k_proj": "qkv", "v_proj": "qkv", "gate_proj": "mlp", "up_proj": "mlp"}
    modules = params = inputs = outputs = 0
    distinct: dict[str, int] = {}
    for target in targets:
        if target not in shapes:
            continue
        width_in, width_out = shapes[target]
        is_expert = target in ("gate_proj", "up_proj", "down_proj")
        copies = (model.num_experts or 1) if is_expert else 1
        used = (model.experts_per_token or 1) if is_expert else 1
        modules += copies
        params += copies * rank * (width_in + width_out)
        inputs += used * width_in
        outputs += used * width_out
        distinct[shared_input.get(target, target)] = used * width_in
    return AdapterCounts(modules, params, inputs, sum(distinct.values()), outputs, rank * (inputs + outputs))
