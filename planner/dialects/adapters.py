"""Adapters as configurations name them: kinds, and modules in the words of ``Lora.targets``."""

from collections.abc import Iterable

from planner.domain.lora import LORA_TARGET_SETS, SavedModule

PEFT_KINDS = {
    "lora": "lora", "adalora": "adalora", "loha": "loha", "lokr": "lokr", "vera": "vera", "vblora": "vblora",
    "randlora": "randlora", "fourierft": "fourierft", "c3a": "c3a", "ia3": "ia3", "oft": "oft", "boft": "boft",
    "bone": "bone", "road": "road", "shira": "shira", "ln_tuning": "ln_tuning", "prompt_tuning": "prompt_tuning",
    "p_tuning": "p_tuning", "prefix_tuning": "prefix_tuning", "adaption_prompt": "adaption_prompt",
    "trainable_tokens": "trainable_tokens", "gralora": "gralora",
}  # fmt: skip
"""PEFT's ``peft_type`` (0.10 to 0.21) -> our kind of adapter."""
MODULES = {
    **{name: (name,) for name in LORA_TARGET_SETS["all_linear"]},
    "wq": ("q_proj",), "wk": ("k_proj",), "wv": ("v_proj",), "wo": ("o_proj",), "output_proj": ("o_proj",),
    "out_proj": ("o_proj",), "w1": ("gate_proj",), "w3": ("up_proj",), "w2": ("down_proj",),
    "all-linear": LORA_TARGET_SETS["all_linear"], "all_linear": LORA_TARGET_SETS["all_linear"],
    "all": LORA_TARGET_SETS["all_linear"],
}  # fmt: skip
"""Names of modules that stand for exactly ours; fused ones (``query_key_value``, ``qkv_proj``) do not."""
SAVED: dict[str, SavedModule] = {
    "embed_tokens": "embeddings", "wte": "embeddings", "lm_head": "head", "output": "head", "norm": "norms",
}  # fmt: skip


def targets_of(modules: Iterable[str]) -> tuple[str, ...] | None:
    """Our names of the adapted modules in their usual order; None where one of them is not known."""
    found: set[str] = set()
    for module in modules:
        known = MODULES.get(module.rpartition(".")[2].strip().lower())
        if known is None:
            return None
        found.update(known)
    return tuple(name for name in LORA_TARGET_SETS["all_linear"] if name in found) or None


def saved_of(modules: Iterable[str]) -> tuple[SavedModule, ...] | None:
    """Modules trained whole; None where there are none that are known."""
    return tuple(dict.fromkeys(SAVED[module] for module in modules if module in SAVED)) or None
