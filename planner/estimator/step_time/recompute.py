"""What selective and full activation checkpointing repeat of the forward pass."""

from typing import NamedTuple

from planner.estimator.workload import Workload


class Repeated(NamedTuple):
    """Shares of one forward pass that the backward pass does again."""

    matmul_ratio: float
    attention_ratio: float
    pointwise_ratio: float


NOTHING = Repeated(0.0, 0.0, 0.0)
EVERYTHING = Repeated(1.0, 1.0, 1.0)
ATTENTION_CORE = Repeated(0.0, 1.0, 0.1)
"""Selective recomputation of arXiv 2205.05198, section 5: scores, softmax and their product with the values."""
UNKNOWN_RATIO = 0.5


def repeated(run: Workload) -> Repeated:
    """By the checkpointing and, where it is stated, by the share of a layer's work that is repeated.

    'Selective' means three things: compiled software repeats that share of the products and all pointwise work, and
    keeps attention's output; vendor-tuned software repeats whole layers where a share is stated, otherwise the core
    of attention.
    """
    if run.checkpointing == "none":
        return NOTHING
    if run.checkpointing != "selective":
        return EVERYTHING
    if run.is_compiled:
        return Repeated(run.recomputed_ratio, 0.0, 1.0)
    if run.stated_recompute_ratio is not None:
        share = run.stated_recompute_ratio
        return Repeated(share, share, share)
    if run.software == "tuned":
        return ATTENTION_CORE
    return Repeated(UNKNOWN_RATIO, UNKNOWN_RATIO, UNKNOWN_RATIO)
