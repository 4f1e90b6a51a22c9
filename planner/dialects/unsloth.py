"""Unsloth on top of TRL (2024.8 to 2026.x): its own arguments, and its version in the model's configuration."""

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params

NAME = "unsloth"
SIGNS = ("unsloth_version", "unsloth_num_chunks", "unsloth_logit_chunk_multiplier", "embedding_learning_rate")


def recognises(facts: RunFacts) -> bool:
    return any(name in facts.params for name in SIGNS)


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what Unsloth does otherwise than TRL. Its checkpointing keeps activations in host memory."""
    rule = f"params {', '.join(name for name in SIGNS if name in facts.params)}"
    draft.put("framework", NAME, "inferred", rule)
    draft.put("framework_version", params.text("unsloth_version"), "logged", "param unsloth_version")
    if draft.get("loss") != "fused_linear_ce":
        draft.put("loss", "fused_linear_ce", "inferred", f"{rule}: Unsloth fuses head and loss, in chunks")
    if (params.text("gradient_checkpointing") or "").lower() == "unsloth":
        draft.put("activation_checkpointing", "offloaded", "logged", "param gradient_checkpointing = unsloth")
