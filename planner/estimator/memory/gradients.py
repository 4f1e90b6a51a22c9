"""Gradients of the trained weights."""

from planner.estimator.memory.weights import divided_by_zero
from planner.estimator.workload import Workload


def gradients_bytes(run: Workload, trained: float) -> float:
    """Bytes of the gradients that one device holds at the end of the backward pass; ``trained`` in parameters."""
    return trained * run.gradient_bytes / divided_by_zero(run, 2)


def bucket_bytes(run: Workload, trained: float) -> float:
    """Copy of the gradients that data parallel ranks reduce in (measured: litgpt, 2 B x 1.1 B parameters under DDP).

    Tuned and compiled software reduces in place; sharded gradients have no second copy.
    """
    if run.data_parallel == 1 or run.zero_stage >= 2 or run.software in ("tuned", "compiled"):
        return 0.0
    return trained * run.gradient_bytes
