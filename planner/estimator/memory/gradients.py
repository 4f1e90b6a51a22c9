"""Gradients of the trained weights."""

from planner.estimator.elementwise import larger, smaller, where
from planner.estimator.memory.weights import divided_by_zero
from planner.estimator.workload import Workload


def gradients_bytes(run: Workload, trained: float) -> float:
    """Bytes of the gradients that one device holds at the end of the backward pass; ``trained`` in parameters.

    An optimizer that steps inside the backward pass leaves those of one layer.
    """
    whole = trained * run.gradient_bytes / divided_by_zero(run, 2)
    return whole / run.stage_layers if run.steps_in_backward else whole


def first_gradients_bytes(run: Workload, trained: float) -> float:
    """Gradients at the start of the backward pass, while all activations are held: of the head and of one layer."""
    if not run.trains_base:
        return 0.0
    counts = run.params
    head = (counts.head or counts.embeddings) / run.tp
    layer = larger(trained - head, 0.0) / run.stage_layers
    whole = run.constants.first_gradients_ratio * (head + layer) * run.gradient_bytes
    return smaller(whole, trained * run.gradient_bytes) / divided_by_zero(run, 2)


def bucket_bytes(run: Workload, trained: float) -> float:
    """Copy of the gradients that data parallel ranks reduce in (measured: litgpt, 2 B x 1.1 B parameters under DDP).

    Tuned and compiled software reduces in place; sharded gradients have no second copy.
    """
    if run.zero_stage >= 2 or run.is_compiled or run.software == "tuned":
        return 0.0
    return where(run.data_parallel == 1, 0.0, trained * run.gradient_bytes)
