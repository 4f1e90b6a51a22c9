"""Logits and what the loss makes of them."""

from planner.domain.run_vocabulary import LossKernel
from planner.estimator.constants import MEMORY
from planner.estimator.workload import Workload

BYTES_PER_ENTRY: dict[LossKernel, float] = {
    "full_logits": MEMORY.full_logits_bytes,
    "fused_ce": MEMORY.fused_ce_bytes,
    "chunked_ce": MEMORY.chunked_ce_bytes,
    "fused_linear_ce": MEMORY.fused_linear_ce_bytes,
}


def logits_bytes(run: Workload) -> float:
    """Bytes alive around the loss: entries (tokens x vocabulary) times the copies that the loss kernel holds.

    A stock loss holds logits, an fp32 upcast, log-softmax and gradient: 2 + 4 + 4 + 4 bytes an entry.
    """
    return run.pass_tokens * run.model.vocab_size / run.tp * BYTES_PER_ENTRY[run.loss]
