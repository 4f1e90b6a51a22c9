"""Axolotl on top of Hugging Face's Trainer (0.4 to 0.12): its arguments, metrics and configuration file.

Names from its sources: ``core/training_args`` (logged as params) and ``utils/callbacks/mlflow_`` (the configuration
becomes the artifact ``axolotl_config_*.yml`` where HF_MLFLOW_LOG_ARTIFACTS is set).
"""

from planner.dialects.adapters import saved_of, targets_of
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.named_fields import Named, flag, integer, number, one_of, put_named, when
from planner.dialects.params import Params
from planner.units import GIB

NAME = "axolotl"
SIGNS = ("multipack_real_batches", "sample_packing_efficiency", "sample_packing_bin_size", "lr_quadratic_warmup")
ARGUMENTS = (
    Named("seq_len", ("max_seq_length", "max_length"), integer),
    Named("batching", ("sample_packing",), when("packed", None)),
    Named("objective", ("pretraining",), when("pretrain", None)),
)
PEAKS = {
    "actual.peak_allocated_bytes": (
        "memory/max_allocated _GiB_", "memory/max_mem_allocated(gib)", "memory/max_active _GiB_",
    ),
    "actual.peak_reserved_bytes": ("memory/device_reserved _GiB_", "memory/device_mem_reserved(gib)"),
}  # fmt: skip
SPEEDS = ("tokens/train_per_sec_per_gpu", "tokens_per_second_per_gpu")
OBJECTIVES = {"dpo": "dpo", "ipo": "dpo", "orpo": "dpo", "simpo": "dpo", "grpo": "grpo", "reward": "reward"}
CONFIG = (
    Named("seq_len", ("sequence_len",), integer),
    Named("batching", ("sample_packing",), when("packed", "dynamic")),
    Named("batching", ("pad_to_sequence_len",), when("padded", None)),
    Named("batching", ("sample_packing",), when("packed", None)),
    Named("micro_batch_size", ("micro_batch_size",), integer),
    Named("gradient_accumulation_steps", ("gradient_accumulation_steps",), integer),
    Named("epochs", ("num_epochs",), number),
    Named("max_steps", ("max_steps",), integer),
    Named("objective", ("rl",), one_of(OBJECTIVES)),
    Named("attention", ("flash_attention",), when("flash", None)),
    Named("attention", ("sdp_attention",), when("sdpa", None)),
    Named("attention", ("eager_attention",), when("eager", None)),
    Named("compiler", ("torch_compile",), when("torch_compile", "none")),
    Named("activation_checkpointing", ("gradient_checkpointing",), one_of(
        {"true": "full", "false": "none", "unsloth": "offloaded", "offload": "offloaded", "offload_disk": "offloaded"}
    )),
    Named("activation_checkpointing", ("activation_offloading",), when("offloaded", None)),
    Named("loss", ("cut_cross_entropy", "liger_fused_linear_cross_entropy", "unsloth_cross_entropy_loss"),
          when("fused_linear_ce", None)),
    Named("parallelism.cp", ("context_parallel_size", "sequence_parallel_degree"), integer),
    Named("parallelism.tp", ("tensor_parallel_size",), integer),
    Named("parallelism.dp_shard", ("dp_shard_size",), integer),
    Named("checkpoints.every_steps", ("save_steps",), integer),
    Named("checkpoints.keep_last", ("save_total_limit",), integer),
    Named("lora.rank", ("lora_r",), integer),
)  # fmt: skip
ADAPTERS = {"lora": "lora", "qlora": "qlora", "llama-adapter": "adapter"}


def recognises(facts: RunFacts) -> bool:
    return any(name in facts.params for name in SIGNS)


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under Axolotl's names."""
    put_named(params, draft, ARGUMENTS)
    signs = [name for name in SIGNS if name in facts.params]
    draft.put("framework", NAME, "inferred", f"params {', '.join(signs)}")
    if flag(params, "qlora"):
        draft.put("method", "qlora", "logged", "param qlora = True")
    for field, names in PEAKS.items():
        for name in names:
            if (peak_gib := facts.positive(name)) is not None:
                draft.put(field, peak_gib * GIB, "logged", f"metric {name}, its last value (GiB)")
                break
    for name in SPEEDS:
        if (speed := facts.positive(name)) is not None:
            draft.put("actual.tokens_per_s_per_accelerator", speed, "logged", f"metric {name}, its last value")
            break


def recognises_file(config: Params) -> bool:
    return "base_model" in config and ("sequence_len" in config or "micro_batch_size" in config)


def describe_file(config: Params, draft: Draft, place: str) -> None:
    """Fills the draft from Axolotl's own configuration."""
    put_named(config, draft, CONFIG, kind="artifact", place=f"{place}:")
    adapter = (config.text("adapter") or "").lower()
    if adapter in ADAPTERS:
        draft.put("method", ADAPTERS[adapter], "artifact", f"{place}: adapter = {adapter}")
    elif not adapter:
        draft.put("method", "full", "artifact", f"{place}: no adapter")
    if adapter == "lora" and config.flag("peft_use_dora"):
        draft.put("adapter", "dora", "artifact", f"{place}: peft_use_dora")
    modules = config.words("lora_target_modules")
    if config.flag("lora_target_linear"):
        modules = ("all-linear",)
    draft.put("lora.targets", targets_of(modules), "artifact", f"{place}: lora_target_modules, lora_target_linear")
    draft.put(
        "lora.modules_to_save",
        saved_of(config.words("lora_modules_to_save")),
        "artifact",
        f"{place}: lora_modules_to_save",
    )
    draft.put("framework", NAME, "artifact", place)
