"""What the forward pass keeps for the backward pass."""

from planner.estimator.elementwise import always, larger, smaller, where
from planner.estimator.memory.adapter_activations import adapter_saved_bytes_per_token
from planner.estimator.memory.hidden_states import hidden_divisor
from planner.estimator.workload import Workload


def layer_bytes_per_token(run: Workload) -> float:
    """Bytes that one layer saves for a token, without checkpointing.

    A frozen linear layer saves no input, because its weight has no gradient. Flash and SDPA keep no scores.
    Source: which tensors PyTorch saves, fitted on published runs; eager scores as in arXiv 2205.05198, equation 2.
    """
    c, model = run.constants, run.model
    trains = run.trains_base
    norm = c.norm_saved_bytes if trains else c.norm_saved_frozen_bytes
    if run.has_fused_kernels:
        norm *= c.fused_norm_saved_ratio
    elif run.has_layer_norm:
        norm *= c.layer_norm_saved_ratio
    if model.gated_mlp:
        inner = c.mlp_saved_bytes if trains else c.mlp_saved_frozen_bytes
        if run.has_fused_kernels:
            inner -= c.fused_mlp_saving_bytes
    else:
        inner = c.plain_mlp_saved_bytes if trains else c.plain_mlp_saved_frozen_bytes
    if run.fp8_activations:
        inner -= c.fp8_mlp_saving_bytes
    keys_and_values = model.q_dim + model.v_dim if run.repeats_key_heads else 2 * model.kv_dim
    attention = 0.5 * c.attention_saved_bytes * (model.q_dim + keys_and_values + model.v_dim)
    divided = (attention + inner * run.active_ffn_dim) / run.tp
    margin = 1.0 if run.is_compiled or run.software in ("tuned", "lean") else c.saved_margin_ratio
    saved = margin * (norm * model.hidden_dim / hidden_divisor(run) + divided) * run.compute_bytes / 2.0
    return (
        saved
        + eager_scores_bytes_per_token(run)
        + bitsandbytes_inputs_bytes_per_token(run)
        + adapter_saved_bytes_per_token(run)
    )


def eager_scores_bytes_per_token(run: Workload) -> float:
    """Bytes of attention scores kept for a token of one layer; 0 for kernels that recompute them."""
    if not run.is_eager_attention:
        return 0.0
    keys = run.longest_tokens / run.cp
    return run.constants.eager_score_bytes * run.model.num_heads * keys / run.tp * run.compute_bytes / 2.0


def bitsandbytes_inputs_bytes_per_token(run: Workload) -> float:
    """Inputs of the layer's matrices, which bitsandbytes keeps although they are frozen; versions differ."""
    if not run.uses_bitsandbytes:
        return 0.0
    inputs = 2 * run.model.hidden_dim + run.model.v_dim + run.active_ffn_dim
    return run.constants.bitsandbytes_input_ratio * run.compute_bytes * inputs / run.tp


def checkpoint_bytes_per_token(run: Workload) -> float:
    """Input of one layer for a token, kept under full checkpointing; fp32 after stock k-bit preparation."""
    width = max(run.compute_bytes, 4.0) if run.keeps_fp32_residual else run.compute_bytes
    return width * run.model.hidden_dim / hidden_divisor(run)


def micro_batches_in_flight(run: Workload, *, is_first_stage: bool) -> float:
    """Micro batches whose activations a pipeline stage holds at once.

    GPipe holds all; 1F1B one a stage (arXiv 2104.04473, section 2.2); interleaved stages
    ``1 + (p - 1) / (p v)`` times as many (arXiv 2205.05198, section 4.2.3).
    """
    if always(run.pp == 1) or run.schedule == "sequential":
        return 1.0
    if run.schedule == "gpipe":
        return where(run.pp == 1, 1.0, run.accumulation)
    if not is_first_stage:
        return 1.0
    held = smaller(run.pp, run.accumulation)
    if run.schedule == "interleaved" and run.virtual_stages > 1:
        interleaved = held * (1.0 + (run.pp - 1.0) / (run.pp * run.virtual_stages))
        return where(run.pp == 1, 1.0, smaller(interleaved, run.accumulation))
    return held


def kept_bytes_per_token(run: Workload) -> float:
    """What checkpointing leaves of one layer's activations."""
    if run.checkpointing == "none":
        return layer_bytes_per_token(run)
    if run.checkpointing == "offloaded":
        return 0.0
    if run.checkpointing == "full":
        return checkpoint_bytes_per_token(run)
    whole = layer_bytes_per_token(run)
    kept = run.constants.selective_saved_ratio
    if run.stated_recompute_ratio is not None:
        kept = 1.0 - run.stated_recompute_ratio
    return larger(kept * whole, smaller(checkpoint_bytes_per_token(run), whole))


def saved_bytes(run: Workload, *, is_first_stage: bool) -> float:
    """Bytes saved on one device at the end of the forward pass."""
    layers = run.stage_layers * micro_batches_in_flight(run, is_first_stage=is_first_stage)
    return run.pass_tokens * layers * kept_bytes_per_token(run)


def sharded_frozen_hidden_bytes(run: Workload) -> float:
    """One more hidden state for every layer but two, under FSDP with a frozen base and full checkpointing.

    Measured on published runs (fms-acceleration: 30 of 32 layers, at 2 and 4 devices); the mechanism is not proven.
    """
    if run.trains_base or run.checkpointing != "full" or run.zero_stage < 3 or always(run.shards == 1):
        return 0.0
    layers = where(run.shards == 1, 0, larger(run.stage_layers - 2, 0))
    width = run.compute_bytes * run.model.hidden_dim / hidden_divisor(run)
    return run.constants.sharded_frozen_hidden_ratio * run.pass_tokens * width * layers
