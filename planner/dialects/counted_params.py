"""Parameters that a trainer counts: all but the input embedding, and those of a low-rank adapter."""

from functools import lru_cache

from planner.domain.layer_matrices import (
    attention_bias_size,
    attention_matrices,
    feed_forward_matrices,
    feed_forward_size,
    feed_forwards,
    layer_norms_size,
    norm_size,
)
from planner.domain.model_spec import ModelSpec


@lru_cache(maxsize=1024)
def params_without_input_embedding(model: ModelSpec) -> int:
    """Parameters that enter ``total_flos`` of Hugging Face's Trainer: ``num_parameters(exclude_embeddings=True)``.

    Token and position embeddings are left out, and with tied weights the head too, since it is the same tensor.
    """
    attention = sum(matrix.size for matrix in attention_matrices(model)) + attention_bias_size(model)
    inner = sum(block.copies * feed_forward_size(model, block.width) for block in feed_forwards(model))
    routers = model.hidden_dim * (model.num_experts or 0) * model.num_moe_layers
    head = 0 if model.tied_embeddings else model.hidden_dim * model.vocab_size
    layers = model.num_layers * (attention + layer_norms_size(model))
    return layers + inner + routers + norm_size(model) + head


def adapter_params(model: ModelSpec, targets: tuple[str, ...], rank: int) -> int:
    """Parameters of a LoRA adapter: rank x (input + output width) of each adapted module (arXiv 2106.09685)."""
    attention = sum(m.inputs + m.outputs for m in attention_matrices(model) if m.name in targets)
    inner = sum(
        block.copies * (matrix.inputs + matrix.outputs)
        for block in feed_forwards(model)
        for matrix in feed_forward_matrices(model, block.width)
        if matrix.name in targets
    )
    return rank * (model.num_layers * attention + inner)
