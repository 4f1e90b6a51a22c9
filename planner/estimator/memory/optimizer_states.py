"""What the optimizer keeps, and what it needs while it steps."""

from planner.estimator.memory.weights import divided_by_zero
from planner.estimator.workload import Workload


def states_bytes(run: Workload, trained: float) -> float:
    """Bytes of optimizer states and fp32 masters on one device; ``trained`` in parameters."""
    return 0.0 if run.is_offloaded else trained * run.state_bytes / divided_by_zero(run, 1)


def step_temporaries_bytes(run: Workload, trained: float) -> float:
    """Bytes of the parameter-sized temporaries of an optimizer that is not fused (10 B a parameter in all)."""
    if run.is_offloaded:
        return 0.0
    whole = trained * run.temporary_bytes / divided_by_zero(run, 1)
    return whole / run.stage_layers if run.steps_in_backward else whole
