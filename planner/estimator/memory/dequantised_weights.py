"""Workspace for weights that are stored or computed in another format."""

from planner.estimator.workload import Workload


def dequantised_bytes(run: Workload) -> float:
    """The largest matrix of a layer in the compute dtype, made before each use of a 4-bit or int8 base."""
    if not run.is_blockwise:
        return 0.0
    largest = run.model.hidden_dim * max(run.active_ffn_dim / (run.model.experts_per_token or 1), run.model.q_dim)
    return run.compute_bytes * largest / run.tp


def cast_weights_bytes(run: Workload) -> float:
    """16-bit copies of fp32 matrices that autocast keeps until the end of the forward and backward pass."""
    if not run.casts_weights:
        return 0.0
    counts = run.params
    linear = run.stage_layers * counts.linear_per_layer + counts.embeddings
    return run.compute_bytes * linear / run.tp
