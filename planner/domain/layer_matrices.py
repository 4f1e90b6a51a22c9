"""The matrices of a model's layers: one list for parameter counts, adapters and the time of their products."""

from typing import Literal, NamedTuple

from planner.domain.model_spec import ModelSpec

Read = Literal["hidden", "q_latent", "kv_latent", "values", "ffn_hidden", "ffn_inner"]


class Matrix(NamedTuple):
    """A linear module; ``name`` is the LoRA target it belongs to (latent attention has two q_proj)."""

    name: str
    inputs: int
    outputs: int
    reads: Read
    """The tensor it multiplies: modules that read one tensor share it."""

    @property
    def size(self) -> int:
        return self.inputs * self.outputs


class FeedForward(NamedTuple):
    """Equal feed-forward blocks of all layers together."""

    width: int
    copies: int
    used: int
    """Of the copies, those that one token passes through."""
    is_routed: bool
    """Experts that a router picks: what expert parallelism divides."""


def attention_matrices(model: ModelSpec) -> tuple[Matrix, ...]:
    """The matrices of one layer's attention; latent attention as in arXiv 2405.04434, equations 9 to 19."""
    h, q = model.hidden_dim, model.q_dim
    out = Matrix("o_proj", model.v_dim, h, "values")
    if model.kv_lora_rank is None or model.qk_rope_head_dim is None:
        v = model.num_kv_heads * (model.v_head_dim or model.head_dim)
        return (
            Matrix("q_proj", h, q, "hidden"),
            Matrix("k_proj", h, model.kv_dim, "hidden"),
            Matrix("v_proj", h, v, "hidden"),
            out,
        )
    latent, rope = model.kv_lora_rank, model.qk_rope_head_dim
    from_latent = model.num_heads * (model.head_dim - rope) + model.v_dim
    queries: tuple[Matrix, ...] = (Matrix("q_proj", h, q, "hidden"),)
    if model.q_lora_rank is not None:
        queries = (Matrix("q_proj", h, model.q_lora_rank, "hidden"), Matrix("q_proj", model.q_lora_rank, q, "q_latent"))
    return (
        *queries,
        Matrix("k_proj", h, latent + rope, "hidden"),
        Matrix("v_proj", latent, from_latent, "kv_latent"),
        out,
    )


def attention_bias_size(model: ModelSpec) -> int:
    """Biases of one layer's attention; under latent attention of the matrices that read the hidden state."""
    if model.attention_bias == "none":
        return 0
    inner = sum(matrix.outputs for matrix in attention_matrices(model) if matrix.reads == "hidden")
    return inner + (model.hidden_dim if model.attention_bias == "all" else 0)


def feed_forward_matrices(model: ModelSpec, width: int) -> tuple[Matrix, ...]:
    """The matrices of one feed-forward block, or of one expert."""
    h = model.hidden_dim
    gate = (Matrix("gate_proj", h, width, "ffn_hidden"),) if model.gated_mlp else ()
    return (*gate, Matrix("up_proj", h, width, "ffn_hidden"), Matrix("down_proj", width, h, "ffn_inner"))


def feed_forward_size(model: ModelSpec, width: int) -> int:
    """Parameters of one feed-forward block, biases included."""
    matrices = feed_forward_matrices(model, width)
    return sum(matrix.size + (matrix.outputs if model.mlp_bias else 0) for matrix in matrices)


def feed_forwards(model: ModelSpec) -> tuple[FeedForward, ...]:
    """The feed-forward blocks of all layers: routed experts, shared experts, dense layers."""
    moe, layers = model.num_moe_layers, model.num_layers
    blocks = []
    if model.num_experts is not None and model.experts_per_token is not None:
        blocks.append(FeedForward(model.ffn_dim, moe * model.num_experts, moe * model.experts_per_token, True))
        if model.shared_expert_ffn_dim is not None:
            blocks.append(FeedForward(model.shared_expert_ffn_dim, moe, moe, False))
    if moe < layers:
        blocks.append(FeedForward(model.dense_ffn_dim or model.ffn_dim, layers - moe, layers - moe, False))
    return tuple(blocks)


def active_ffn_width(model: ModelSpec) -> float:
    """Mean width of the feed-forward blocks that a token passes through in one layer."""
    return sum(block.used * block.width for block in feed_forwards(model)) / model.num_layers


def norm_size(model: ModelSpec) -> int:
    """Parameters of one norm of the hidden state."""
    return model.hidden_dim * (2 if model.norm_bias else 1)


def layer_norms_size(model: ModelSpec) -> int:
    """Parameters of one layer's norms, those inside the attention included."""
    inside = {"none": 0, "head": 2 * model.head_dim, "full": model.q_dim + model.kv_dim}[model.qk_norm]
    latents = (model.kv_lora_rank or 0) + (model.q_lora_rank or 0)
    return model.num_norms_per_layer * norm_size(model) + inside + latents
