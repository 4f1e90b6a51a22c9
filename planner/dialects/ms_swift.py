"""ms-swift on top of Hugging Face's Trainer (2.x to 3.x): its arguments, and the ``args.json`` of a run.

Names from its sources: ``trainers/arguments`` (logged as params) and ``llm/argument`` (``args.json``).
"""

from planner.dialects.adapters import PEFT_KINDS, targets_of
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.named_fields import Named, integer, number, one_of, put_named, when
from planner.dialects.params import Params
from planner.domain.training_run import OriginKind

NAME = "ms-swift"
SIGNS = ("acc_strategy", "local_repo_path", "galore_config", "train_dataloader_shuffle", "check_model")
OBJECTIVES = {"dpo": "dpo", "orpo": "dpo", "simpo": "dpo", "cpo": "dpo", "rm": "reward", "ppo": "ppo", "grpo": "grpo"}
TYPES = ("train_type", "tuner_type", "sft_type")
ARGUMENTS = (
    Named("batching", ("padding_free",), when("padding_free", None)),
    Named("batching", ("packing",), when("packed", None)),
    Named("parallelism.cp", ("sequence_parallel_size",), integer),
    Named("objective", ("rlhf_type",), one_of(OBJECTIVES)),
)
CONFIG = (
    Named("seq_len", ("max_length",), integer),
    *ARGUMENTS,
    Named("micro_batch_size", ("per_device_train_batch_size",), integer),
    Named("gradient_accumulation_steps", ("gradient_accumulation_steps",), integer),
    Named("epochs", ("num_train_epochs",), number),
    Named("attention", ("attn_impl",), one_of(
        {"flash_attn": "flash", "flash_attention_2": "flash", "flash_attention_3": "flash", "sdpa": "sdpa",
         "eager": "eager"}
    )),
    Named("loss", ("use_liger_kernel",), when("fused_linear_ce", None)),
    Named("activation_checkpointing", ("gradient_checkpointing",), when("full", "none")),
    Named("lora.rank", ("lora_rank",), integer),
)  # fmt: skip


def recognises(facts: RunFacts) -> bool:
    return sum(name in facts.params for name in SIGNS) >= 2


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under ms-swift's names."""
    put_named(params, draft, ARGUMENTS)
    _method(params, draft, "logged", "param")
    draft.put("framework", NAME, "inferred", f"params {', '.join(name for name in SIGNS if name in facts.params)}")


def recognises_file(config: Params) -> bool:
    return any(name in config for name in TYPES) and ("model" in config or "model_type" in config)


def describe_file(config: Params, draft: Draft, place: str) -> None:
    """Fills the draft from the arguments that ms-swift keeps beside its checkpoints."""
    put_named(config, draft, CONFIG, kind="artifact", place=f"{place}:")
    _method(config, draft, "artifact", f"{place}:")
    draft.put("lora.targets", targets_of(config.words("target_modules")), "artifact", f"{place}: target_modules")
    draft.put("framework", NAME, "artifact", place)


def _method(params: Params, draft: Draft, kind: OriginKind, place: str) -> None:
    name = next((name for name in TYPES if name in params), None)
    word = (params.text(name or "") or "").lower()
    if name is None or word not in ("full", *PEFT_KINDS):
        return
    is_low_rank = word in ("lora", "longlora", "qlora")
    quantised = draft.get("method") == "qlora" or params.integer("quant_bits") == 4
    method = (
        "full" if word == "full" else "qlora" if is_low_rank and quantised else "lora" if is_low_rank else "adapter"
    )
    draft.put("method", method, kind, f"{place} {name} = {word}")
    if not is_low_rank and word != "full":
        draft.put("adapter", PEFT_KINDS[word], kind, f"{place} {name} = {word}")
    elif is_low_rank and params.flag("use_dora"):
        draft.put("adapter", "dora", kind, f"{place} use_dora")
