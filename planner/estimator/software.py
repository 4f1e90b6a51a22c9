"""What a training framework's name says about its kernels."""

from typing import Literal

SoftwareClass = Literal["stock", "lean", "compiled", "tuned"]

CLASS_BY_NAME: dict[str, SoftwareClass] = {
    "nemo": "tuned",
    "megatron": "tuned",
    "transformer-engine": "tuned",
    "llmboost": "tuned",
    "torchtitan": "compiled",
    "thunder": "compiled",
    "torchtune": "lean",
    "llm-foundry": "lean",
    "composer": "lean",
    "internevo": "lean",
    "transformers": "stock",
    "hf-": "stock",
    "trl": "stock",
    "peft": "stock",
    "axolotl": "stock",
    "swift": "stock",
    "llama-factory": "stock",
    "llamafactory": "stock",
    "litgpt": "stock",
    "lightning": "stock",
    "unsloth": "stock",
    "fms": "stock",
    "accelerate": "stock",
    "deepspeed": "stock",
}
"""Part of a framework's name -> stock (eager PyTorch), lean (hand-written model), compiled, tuned (vendor kernels)."""


def software_class(framework: str | None) -> SoftwareClass | None:
    """The class of a framework by its name; None where the name is unknown or not given.

    ``software_class("HF-TRL")`` is ``'stock'``. A name that says ``eager`` is stock whatever compiler it also names.
    """
    if framework is None:
        return None
    name = framework.lower()
    if "eager" in name:
        return "stock"
    for part, found in CLASS_BY_NAME.items():
        if part in name:
            return found
    return None
