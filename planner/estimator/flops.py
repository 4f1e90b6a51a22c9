"""Floating point operations of training: a multiply and an add count as two."""

from typing import Any

from planner.domain.model_spec import ModelSpec
from planner.estimator.elementwise import smaller

Number = Any
"""A float, or a numpy array of floats: the formulas hold for both."""


def linear_forward_flop(tokens: Number, matmul_params: Number) -> Number:
    """Forward FLOP of the matrices that a token passes through: 2 a parameter (arXiv 2001.08361, table 1)."""
    return 2.0 * tokens * matmul_params


def attention_forward_flop(tokens: Number, seq_len: Number, attention_dim: Number, num_layers: Number) -> Number:
    """Forward FLOP of causal scores and their product with the values, half of ``4 x tokens x seq_len x width``.

    ``attention_dim``: mean width of all heads' queries and of their values, which differ under latent attention.
    Source: arXiv 2205.05198, appendix A, times 1/2 for the causal mask (arXiv 2307.08691, section 4.1).
    """
    return 4.0 * tokens * seq_len * attention_dim * 0.5 * num_layers


def attended_tokens(model: ModelSpec, seq_len: Number) -> Number:
    """Length under full causal attention with as many scores: ``seq_len``, less where layers see a window of it.

    A query of a window w sees min(position, w) keys: w (2 - w / seq_len) / 2 in the mean, against seq_len / 2.
    """
    if model.sliding_window is None:
        return seq_len
    window = smaller(float(model.sliding_window), seq_len)
    share = model.num_windowed_layers / model.num_layers
    return share * window * (2.0 - window / seq_len) + (1.0 - share) * seq_len


def model_flop(
    *,
    tokens: Number,
    seq_len: Number,
    matmul_params: Number,
    adapter_params: Number,
    trains_base: bool,
    attention_dim: Number,
    num_layers: Number,
) -> Number:
    """FLOP that training needs: forward, gradient of inputs, gradient of trained weights; recompute is left out.

    Full: 6 a parameter and token. LoRA: 4 a frozen parameter, 6 an adapter's. Attention has no weights: 3 x forward.
    """
    base_passes = 3.0 if trains_base else 2.0
    return (
        base_passes * linear_forward_flop(tokens, matmul_params)
        + 3.0 * linear_forward_flop(tokens, adapter_params)
        + 3.0 * attention_forward_flop(tokens, seq_len, attention_dim, num_layers)
    )


def hardware_flop(
    *,
    tokens: Number,
    seq_len: Number,
    matmul_params: Number,
    adapter_params: Number,
    trains_base: bool,
    attention_dim: Number,
    num_layers: Number,
    recomputed_ratio: Number,
) -> Number:
    """FLOP that the device executes: the model's and the recomputed share of the forward pass."""
    forward = linear_forward_flop(tokens, matmul_params + adapter_params) + attention_forward_flop(
        tokens, seq_len, attention_dim, num_layers
    )
    return recomputed_ratio * forward + model_flop(
        tokens=tokens,
        seq_len=seq_len,
        matmul_params=matmul_params,
        adapter_params=adapter_params,
        trains_base=trains_base,
        attention_dim=attention_dim,
        num_layers=num_layers,
    )
