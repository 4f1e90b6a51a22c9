"""What the forward pass keeps for the backward pass."""

from planner.domain.layer_matrices import active_ffn_width
from planner.estimator.constants import MEMORY
from planner.estimator.workload import Workload


def hidden_divisor(run: Workload) -> float:
    """Tensor parallel divides norms and hidden states only with sequence parallelism (arXiv 2205.05198)."""
    return float(run.tp) if run.sequence_parallel else 1.0


def layer_bytes_per_token(run: Workload) -> float:
    """Bytes that one layer saves for a token, without checkpointing.

    A frozen linear layer saves no input, because its weight has no gradient. Flash and SDPA keep no scores.
    Source: which tensors PyTorch saves, fitted on published runs; eager scores as in arXiv 2205.05198, equation 2.
    """
    c, model = MEMORY, run.model
    hidden, trains = model.hidden_dim, run.trains_base
    norm = c.norm_saved_bytes if trains else c.norm_saved_frozen_bytes
    if run.has_fused_kernels:
        norm *= c.fused_norm_saved_ratio
    if model.gated_mlp:
        inner = c.mlp_saved_bytes if trains else c.mlp_saved_frozen_bytes
    else:
        inner = c.plain_mlp_saved_bytes if trains else c.plain_mlp_saved_frozen_bytes
    if run.has_fused_kernels:
        inner -= c.fused_mlp_saving_bytes
    if run.software == "tuned" and run.compute_dtype == "fp8":
        inner -= c.fp8_mlp_saving_bytes
    attention = c.attention_saved_bytes * (model.q_dim + model.kv_dim)
    divided = (attention + inner * active_ffn_width(model)) / run.tp
    margin = 1.0 if run.software in ("tuned", "lean") else c.saved_margin_ratio
    saved = margin * (norm * hidden / hidden_divisor(run) + divided) * run.compute_bytes / 2.0
    return saved + eager_scores_bytes_per_token(run) + adapter_inputs_bytes_per_token(run)


def eager_scores_bytes_per_token(run: Workload) -> float:
    """Bytes of attention scores kept for a token of one layer; 0 for kernels that recompute them."""
    if not run.is_eager_attention:
        return 0.0
    keys = run.longest_tokens / run.cp
    return MEMORY.eager_score_bytes * run.model.num_heads * keys / run.tp * run.compute_bytes / 2.0


def adapter_inputs_bytes_per_token(run: Workload) -> float:
    """Inputs of adapted modules, kept for the adapter's gradient: cast one by one to fp32, or shared."""
    if run.trains_base:
        return 0.0
    if run.casts_adapter_inputs:
        return MEMORY.adapter_cast_ratio * 4.0 * run.adapter.input_width / run.tp
    return run.compute_bytes * run.adapter.distinct_input_width / run.tp


def checkpoint_bytes_per_token(run: Workload) -> float:
    """Input of one layer for a token, kept under full checkpointing; fp32 after stock k-bit preparation."""
    width = max(run.compute_bytes, 4.0) if run.keeps_fp32_residual else run.compute_bytes
    return width * run.model.hidden_dim / hidden_divisor(run)


def micro_batches_in_flight(run: Workload, *, is_first_stage: bool) -> int:
    """Micro batches whose activations a pipeline stage holds at once (1F1B, arXiv 2104.04473, section 2.2)."""
    return min(run.pp, run.accumulation) if is_first_stage else 1


def saved_bytes(run: Workload, *, is_first_stage: bool) -> float:
    """Bytes saved on one device at the end of the forward pass."""
    layers = run.stage_layers * micro_batches_in_flight(run, is_first_stage=is_first_stage)
    whole = layer_bytes_per_token(run)
    if run.checkpointing == "offloaded":
        per_layer = 0.0
    elif run.checkpointing == "full":
        per_layer = checkpoint_bytes_per_token(run)
    elif run.checkpointing == "selective":
        per_layer = max(MEMORY.selective_saved_ratio * whole, checkpoint_bytes_per_token(run))
    else:
        per_layer = whole
    return run.pass_tokens * layers * per_layer


def sharded_frozen_hidden_bytes(run: Workload) -> float:
    """One more hidden state for every layer but two, under FSDP with a frozen base and full checkpointing.

    Measured on published runs (fms-acceleration: 30 of 32 layers, at 2 and 4 devices); the mechanism is not proven.
    """
    if run.trains_base or run.checkpointing != "full" or run.zero_stage < 3 or run.shards == 1:
        return 0.0
    layers = max(run.stage_layers - 2, 0)
    width = run.compute_bytes * run.model.hidden_dim / hidden_divisor(run)
    return MEMORY.sharded_frozen_hidden_ratio * run.pass_tokens * width * layers
