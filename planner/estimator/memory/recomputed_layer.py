"""What lives inside one layer while its gradient is computed."""

from planner.estimator.elementwise import larger, smaller
from planner.estimator.memory.hidden_states import hidden_divisor
from planner.estimator.memory.saved_activations import kept_bytes_per_token, layer_bytes_per_token
from planner.estimator.workload import Workload


def recomputed_bytes(run: Workload) -> float:
    """Activations of one layer that checkpointing computes again: no more than it left out; 0 without checkpointing."""
    whole = layer_bytes_per_token(run)
    share = run.constants.recomputed_layer_ratio * run.recomputed_ratio
    left_out = larger(whole - kept_bytes_per_token(run), 0.0)
    return run.pass_tokens * smaller(share * whole, left_out)


def backward_temporaries_bytes(run: Workload) -> float:
    """Gradients of activations alive inside one layer: a few tensors of the inner and of the hidden width."""
    c = run.constants
    inner = c.backward_ffn_elements * run.active_ffn_dim / run.tp
    hidden = c.backward_hidden_elements * run.model.hidden_dim / hidden_divisor(run)
    return run.compute_bytes * run.pass_tokens * (inner + hidden)
