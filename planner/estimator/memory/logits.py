"""Logits and what the loss makes of them."""

from planner.estimator.workload import Workload


def logits_bytes(run: Workload) -> float:
    """Bytes alive around the loss: entries (tokens x vocabulary) times the copies that the loss kernel holds.

    A stock loss holds logits, an fp32 upcast, log-softmax and gradient: 2 + 4 + 4 + 4 bytes an entry. A reward model
    has one output a sequence.
    """
    if run.has_scalar_head:
        return 14.0 * run.micro_batch_size
    c = run.constants
    per_entry = {
        "full_logits": c.full_logits_bytes,
        "fused_ce": c.fused_ce_bytes,
        "chunked_ce": c.chunked_ce_bytes,
        "fused_linear_ce": c.fused_linear_ce_bytes,
    }[run.loss]
    return run.pass_tokens * run.model.vocab_size / run.tp * per_entry * run.loss_entry_ratio
