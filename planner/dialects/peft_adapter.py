"""PEFT's ``adapter_config.json``, an artifact of a run that saved its adapter (PEFT 0.10 to 0.21)."""

from planner.dialects.adapters import PEFT_KINDS, saved_of, targets_of
from planner.dialects.draft import Draft
from planner.dialects.params import Params

LOW_RANK = ("lora", "adalora")


def recognises_file(config: Params) -> bool:
    return "peft_type" in config


def describe_file(config: Params, draft: Draft, place: str) -> None:
    """Fills the draft with what the adapter's own configuration says; ``place`` names the file."""
    logged = (config.text("peft_type") or "").lower().removeprefix("pefttype.")
    kind = PEFT_KINDS.get(logged)
    if kind == "lora" and config.flag("use_dora"):
        kind = "dora"
    rule = f"{place}: peft_type = {logged[:40]}"
    if kind in ("lora", "dora"):
        method = "qlora" if draft.get("method") == "qlora" else "lora"
        draft.put("method", method, "artifact", rule)
    elif kind is not None:
        draft.put("method", "adapter", "artifact", rule)
    draft.put("adapter", kind, "artifact", rule)
    if kind in (*LOW_RANK, "dora"):
        rank = config.integer("r") if not config.nested("rank_pattern") else None
        draft.put("lora.rank", rank, "artifact", f"{place}: r")
        if config.text("layers_to_transform") is None and config.text("target_parameters") in (None, "[]"):
            draft.put(
                "lora.targets", targets_of(config.words("target_modules")), "artifact", f"{place}: target_modules"
            )
        draft.put(
            "lora.modules_to_save", saved_of(config.words("modules_to_save")), "artifact", f"{place}: modules_to_save"
        )
    draft.put("virtual_tokens", config.integer("num_virtual_tokens"), "artifact", f"{place}: num_virtual_tokens")
