"""LLaMA-Factory on top of Hugging Face's Trainer (0.9): params say little, its YAML file says all.

Its training arguments are logged as params (``hparams/training_args``: those of Ray beside Hugging Face's); model, data
and adapter arguments are not. A configuration kept as an artifact has them (``hparams/*_args``).
"""

from planner.dialects.adapters import targets_of
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.named_fields import Named, integer, number, one_of, put_named, when
from planner.dialects.params import Params

NAME = "llama-factory"
SIGNS = ("ray_num_workers", "ray_run_name", "placement_strategy")
OBJECTIVES = {"pt": "pretrain", "sft": "sft", "rm": "reward", "ppo": "ppo", "dpo": "dpo"}
CONFIG = (
    Named("seq_len", ("cutoff_len",), integer),
    Named("batching", ("packing", "neat_packing"), when("packed", "dynamic")),
    Named("objective", ("stage",), one_of(OBJECTIVES)),
    Named("micro_batch_size", ("per_device_train_batch_size",), integer),
    Named("gradient_accumulation_steps", ("gradient_accumulation_steps",), integer),
    Named("epochs", ("num_train_epochs",), number),
    Named("attention", ("flash_attn",), one_of({"fa2": "flash", "fa3": "flash", "sdpa": "sdpa", "disabled": "eager"})),
    Named("loss", ("enable_liger_kernel",), when("fused_linear_ce", None)),
    Named("activation_checkpointing", ("disable_gradient_checkpointing",), when("none", "full")),
    Named("activation_checkpointing", ("use_unsloth_gc",), when("offloaded", None)),
    Named("lora.rank", ("lora_rank",), integer),
)


def recognises(facts: RunFacts) -> bool:
    return sum(name in facts.params for name in SIGNS) >= 2


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under LLaMA-Factory's names."""
    draft.put("framework", NAME, "inferred", f"params {', '.join(name for name in SIGNS if name in facts.params)}")
    if params.flag("predict_with_generate") is not None:
        draft.unknown("seq_len", "its cutoff_len is not logged; looked for it in a configuration among the artifacts")


def recognises_file(config: Params) -> bool:
    return "finetuning_type" in config or ("cutoff_len" in config and "stage" in config)


def describe_file(config: Params, draft: Draft, place: str) -> None:
    """Fills the draft from LLaMA-Factory's own configuration."""
    put_named(config, draft, CONFIG, kind="artifact", place=f"{place}:")
    bits, kind = config.integer("quantization_bit"), config.text("finetuning_type") or "lora"
    if kind == "lora":
        draft.put("method", "qlora" if bits else "lora", "artifact", f"{place}: finetuning_type, quantization_bit")
        draft.put("lora.targets", targets_of(config.words("lora_target")), "artifact", f"{place}: lora_target")
        if config.flag("use_dora"):
            draft.put("adapter", "dora", "artifact", f"{place}: use_dora")
    elif kind in ("full", "oft"):
        draft.put("method", "full" if kind == "full" else "adapter", "artifact", f"{place}: finetuning_type")
        draft.put("adapter", "oft" if kind == "oft" else None, "artifact", f"{place}: finetuning_type")
    if bits == 4 and config.text("quantization_method") in (None, "bitsandbytes", "bnb"):
        double = "" if config.flag("double_quantization") is False else "_dq"
        draft.put("base_quantization", f"nf4{double}", "artifact", f"{place}: quantization_bit, double_quantization")
    draft.put("framework", NAME, "artifact", place)
