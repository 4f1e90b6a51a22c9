"""Workspace for weights that are stored in few bits."""

from planner.estimator.workload import Workload


def dequantised_bytes(run: Workload) -> float:
    """The largest matrix of a layer in the compute dtype, made before each use of a 4-bit or int8 base."""
    if not run.is_blockwise:
        return 0.0
    largest = run.model.hidden_dim * max(run.model.ffn_dim, run.model.q_dim)
    return run.compute_bytes * largest / run.tp
