"""TRL on top of Hugging Face's Trainer: what is learnt from, lengths, packing (TRL 0.9 to 1.16)."""

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.named_fields import Named, flag, integer, number, put_named
from planner.dialects.params import Params

NAME = "trl"
SIGNS = {
    "ppo": ("num_ppo_epochs",),
    "grpo": ("num_generations",),
    "reward": ("center_rewards_coefficient",),
    "dpo": ("precompute_ref_log_probs", "orpo_alpha", "cpo_alpha"),
    "sft": ("completion_only_loss", "dataset_text_field", "packing"),
}
"""Arguments that only the trainers of one objective have; ORPO and CPO learn from pairs as DPO does."""
WITHOUT_REFERENCE = ("orpo_alpha", "cpo_alpha")
LENGTHS = (Named("seq_len", ("max_seq_length", "max_length"), integer),)
GENERATED = ("max_completion_length", "response_length")


def objective_of(facts: RunFacts) -> str | None:
    """None where no trainer of TRL logged the params."""
    return next((kind for kind, names in SIGNS.items() if any(name in facts.params for name in names)), None)


def recognises(facts: RunFacts) -> bool:
    return objective_of(facts) is not None


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under TRL's names."""
    objective = objective_of(facts)
    signs = [name for name in SIGNS.get(objective or "", ()) if name in facts.params]
    rule = f"params of its trainer: {', '.join(signs)}"
    draft.put("objective", objective, "inferred", rule)
    draft.put("framework", NAME, "inferred", rule)
    if any(name in facts.params for name in WITHOUT_REFERENCE):
        draft.put("holds_reference", False, "inferred", rule)
    elif objective == "dpo" and params.flag("precompute_ref_log_probs"):
        draft.put("holds_reference", False, "logged", "param precompute_ref_log_probs")
    elif objective == "grpo" and params.number("beta") is not None:
        draft.put("holds_reference", (params.number("beta") or 0.0) > 0, "logged", "param beta: 0 needs no reference")
    put_named(params, draft, LENGTHS)
    if objective in ("ppo", "grpo"):
        _generation(params, draft)
    elif objective == "sft":
        _packing(params, draft)
    else:
        draft.put("batching", "dynamic", "inferred", f"{rule}: pairs are padded to the longest of their batch")


def _packing(params: Params, draft: Draft) -> None:
    packed = flag(params, "packing")
    if packed is None:
        draft.unknown("batching", "params packing, padding_free")
        return
    kind = "packed" if packed else "padding_free" if params.flag("padding_free") else "dynamic"
    draft.put("batching", kind, "logged", "params packing, padding_free")


def _generation(params: Params, draft: Draft) -> None:
    """Rollouts: each device makes the answers of the passes that follow."""
    new = next((value for name in GENERATED if (value := integer(params, name))), None)
    micro = draft.get("micro_batch_size")
    passes = number(params, "steps_per_generation") or draft.get("gradient_accumulation_steps") or 1
    if new is None or micro is None:
        draft.unknown("generation", f"params {', '.join(GENERATED)}, per_device_train_batch_size")
        return
    made = {
        "batch_size": int(micro * passes), "max_new_tokens": new,
        "prompt_tokens": integer(params, "max_prompt_length") or 0,
    }  # fmt: skip
    draft.put("generation", made, "inferred", "params steps_per_generation x per_device_train_batch_size, lengths")
