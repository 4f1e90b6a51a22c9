"""Parameters that a trainer counts: all but the input embedding, and those of a low-rank adapter."""

from planner.domain.model_spec import ModelSpec

QK_NORM_FAMILIES = ("qwen3", "gemma-3", "gemma3")
"""Their layers also normalise queries and keys, one weight a head dimension."""


def linear_shapes(model: ModelSpec) -> dict[str, tuple[int, int]]:
    """Input and output width of the linear modules of one layer (one expert's, under mixture of experts)."""
    shapes = {
        "q_proj": (model.hidden_dim, model.q_dim),
        "k_proj": (model.hidden_dim, model.kv_dim),
        "v_proj": (model.hidden_dim, model.kv_dim),
        "o_proj": (model.q_dim, model.hidden_dim),
        "gate_proj": (model.hidden_dim, model.ffn_dim),
        "up_proj": (model.hidden_dim, model.ffn_dim),
        "down_proj": (model.ffn_dim, model.hidden_dim),
    }
    if not model.gated_mlp:
        del shapes["gate_proj"]
    return shapes


def params_without_input_embedding(model: ModelSpec) -> int:
    """Parameters that enter ``total_flos`` of Hugging Face's Trainer: ``num_parameters(exclude_embeddings=True)``.

    Token and position embeddings are left out, and with tied weights the head too, since it is the same tensor.
    """
    norm = model.hidden_dim * (2 if model.norm_bias else 1)
    mlp_names = ("gate_proj", "up_proj", "down_proj")
    shapes = linear_shapes(model)
    attention = sum(i * o for name, (i, o) in shapes.items() if name not in mlp_names)
    if model.attention_bias != "none":
        attention += model.q_dim + 2 * model.kv_dim
    if model.attention_bias == "all":
        attention += model.hidden_dim
    mlp = sum(i * o + (o if model.mlp_bias else 0) for name, (i, o) in shapes.items() if name in mlp_names)
    experts = model.num_experts or 1
    router = model.hidden_dim * experts if model.num_experts else 0
    if (model.family or "").startswith(QK_NORM_FAMILIES):
        attention += 2 * model.head_dim
    layer = attention + experts * mlp + router + model.num_norms_per_layer * norm
    head = 0 if model.tied_embeddings else model.hidden_dim * model.vocab_size
    return model.num_layers * layer + norm + head


def adapter_params(model: ModelSpec, targets: tuple[str, ...], rank: int) -> int:
    """Parameters of a LoRA adapter: rank x (input + output width) of each adapted module (arXiv 2106.09685)."""
    mlp_copies = model.num_experts or 1
    per_layer = sum(
        (i + o) * (mlp_copies if name in ("gate_proj", "up_proj", "down_proj") else 1)
        for name, (i, o) in linear_shapes(model).items()
        if name in targets
    )
    return model.num_layers * rank * per_layer
