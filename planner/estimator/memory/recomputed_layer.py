"""What lives inside one layer while its gradient is computed."""

from planner.domain.layer_matrices import active_ffn_width
from planner.estimator.constants import MEMORY
from planner.estimator.memory.saved_activations import hidden_divisor, layer_bytes_per_token
from planner.estimator.workload import Workload


def recomputed_bytes(run: Workload) -> float:
    """Activations of one layer that checkpointing computes again; 0 without checkpointing."""
    return MEMORY.recomputed_layer_ratio * run.recomputed_ratio * run.pass_tokens * layer_bytes_per_token(run)


def backward_temporaries_bytes(run: Workload) -> float:
    """Gradients of activations alive inside one layer: a few tensors of the inner and of the hidden width."""
    inner = MEMORY.backward_ffn_elements * active_ffn_width(run.model) / run.tp
    hidden = MEMORY.backward_hidden_elements * run.model.hidden_dim / hidden_divisor(run)
    return run.compute_bytes * run.pass_tokens * (inner + hidden)
