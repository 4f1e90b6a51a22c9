"""How devices share hidden states."""

from planner.estimator.workload import Workload


def hidden_divisor(run: Workload) -> float:
    """Tensor parallel divides norms and hidden states only with sequence parallelism (arXiv 2205.05198)."""
    return run.tp if run.sequence_parallel else 1.0
