"""What a training framework's name says about its kernels."""

from typing import Literal

from planner.domain.run_vocabulary import Compiler, LossKernel

SoftwareClass = Literal["stock", "lean", "compiled", "tuned"]

CLASS_BY_NAME: dict[str, SoftwareClass] = {
    "nemo": "tuned",
    "megatron": "tuned",
    "transformer-engine": "tuned",
    "llmboost": "tuned",
    "thunder": "compiled",
    "maxtext": "compiled",
    "neuronx": "compiled",
    "habana": "compiled",
    "torchtitan": "lean",
    "fms-fsdp": "lean",
    "paddlenlp": "lean",
    "colossal": "lean",
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
    "qwen": "stock",
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


def compiles(compiler: Compiler | None, software: SoftwareClass | None) -> bool:
    """A compiler fuses the kernels of a layer; the name of the software says so where the run does not."""
    return software == "compiled" if compiler is None else compiler != "none"


ADAPTER_IN_COMPUTE_DTYPE = ("litgpt", "lightning", "torchtune", "nemo", "megatron")
"""Software that makes adapters in the model's dtype; libraries built on peft make them in fp32."""
STOCK_KBIT_PREPARATION = ("trl", "peft", "swift", "llama-factory", "llamafactory", "axolotl", "qwen", "chatglm")
"""Software that prepares a quantised model for training as peft does."""
FULL_MODEL_LOADERS = ("litgpt", "lightning")
"""Software whose devices each read the whole model before it is divided."""
KEY_HEAD_REPEATERS = ("litgpt", "lightning")
"""Software that copies keys and values to all heads before PyTorch's own kernel, which does not need it."""
USUAL_LOSS: dict[str, LossKernel] = {
    "llm-foundry": "fused_ce",
    "composer": "fused_ce",
    "megatron": "fused_ce",
    "nemo": "fused_ce",
    "torchtune": "chunked_ce",
}
"""Loss of software that replaces the stock one where nothing else is asked for.

MPT of llm-foundry: ``loss_fn: fused_crossentropy``. Megatron's vocabulary-parallel loss works in place on one fp32
copy of the logits, fused or not (arXiv 1909.08053). Recipes of torchtune: chunked output.
"""
LONGEST_SAMPLE_FIRST = ("litgpt", "lightning")
"""Software that measures the longest sample and feeds it first: its length is that sample's, not a cap."""
NO_UPCAST_MODELS = (
    "gpt_bigcode",
    "gpt-bigcode",
    "starcoder-",
    "starcoderbase",
    "santacoder",
    "granite-20b",
    "granite-34b",
    "mpt-",
)
"""Models whose published code computes the loss in the dtype of the logits; autocast upcasts for PyTorch's own loss."""


def _names(framework: str | None, parts: tuple[str, ...]) -> bool:
    return framework is not None and any(part in framework.lower() for part in parts)


def keeps_adapter_fp32(framework: str | None) -> bool:
    return not _names(framework, ADAPTER_IN_COMPUTE_DTYPE)


def usual_loss(framework: str | None) -> LossKernel | None:
    """The loss that a framework documents as its own; None where it has none or is not known."""
    return next((loss for part, loss in USUAL_LOSS.items() if _names(framework, (part,))), None)


def uses_stock_kbit_preparation(framework: str | None) -> bool:
    """Norms, embeddings, head and the residual stream in fp32 over a bitsandbytes base."""
    return _names(framework, STOCK_KBIT_PREPARATION)


def loads_full_model(framework: str | None) -> bool:
    return _names(framework, FULL_MODEL_LOADERS)


def repeats_key_heads(framework: str | None) -> bool:
    return _names(framework, KEY_HEAD_REPEATERS)


def feeds_longest_first(framework: str | None) -> bool:
    return _names(framework, LONGEST_SAMPLE_FIRST)


def upcasts_no_logits(model_name: str) -> bool:
    return _names(model_name, NO_UPCAST_MODELS)
