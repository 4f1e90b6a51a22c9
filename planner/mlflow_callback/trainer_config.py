"""The configuration of a training by Trainer, from its arguments, its model, its data and its launcher.

Arguments are read by the very dialects that read them out of MLflow; what only the process knows goes over them.
"""

from typing import Any

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params
from planner.dialects.registry import recognised
from planner.mlflow_callback.dataset_lengths import DatasetLengths
from planner.mlflow_callback.live_model import put_model
from planner.mlflow_callback.training_log import put_lengths

RULE = "arguments of the trainer"
OPTIMIZERS = {
    "AdamW": ("adamw", "adamw_fused"), "Adam": ("adamw", "adamw_fused"), "Adafactor": ("adafactor",),
    "SGD": ("sgd", "sgd_momentum"), "Lion": ("lion",), "Lion8bit": ("lion_8bit",), "AdamW8bit": ("adamw_8bit",),
    "PagedAdamW8bit": ("paged_adamw_8bit", "adamw_8bit"), "PagedAdamW": ("paged_adamw_32bit",),
    "PagedAdamW32bit": ("paged_adamw_32bit",), "AdamW4bit": ("adamw_4bit",), "Muon": ("muon",),
}  # fmt: skip
"""Classes of torch, bitsandbytes and torchao -> what they may be called; the first where the arguments say nothing."""
SHARDED = {"FULL_SHARD": 3, "HYBRID_SHARD": 3, "SHARD_GRAD_OP": 2, "HYBRID_SHARD_ZERO2": 2, "NO_SHARD": 0}


def trainer_draft(draft: Draft, args: Any, state: Any, model: Any, optimizer: Any, num_ranks: int) -> None:
    """Sets all that arguments, state, model and launcher tell."""
    config: Any = getattr(model, "config", None)
    logged = {**(config.to_dict() if hasattr(config, "to_dict") else {}), **args.to_dict()}
    facts = RunFacts("", "", "", "", "RUNNING", None, None, params={name: str(value) for name, value in logged.items()})
    for module in recognised(facts):
        module.describe(facts, Params(facts.params), draft)
    put_model(draft, model, autocast="bf16" if args.bf16 else "fp16" if args.fp16 else None)
    draft.put("micro_batch_size", micro_batch_size(args, state), "logged", RULE)
    draft.put("max_steps", state.max_steps or None, "logged", RULE)
    _put_optimizer(draft, optimizer)
    _put_sharding(draft, num_ranks)
    _put_checkpoints(draft, args, state)


def micro_batch_size(args: Any, state: Any) -> int:
    """Samples of a device in one pass; the trainer may have halved them until they fit."""
    devices = max(getattr(args, "n_gpu", 1), 1)
    return max(int(state.train_batch_size or args.per_device_train_batch_size * devices) // devices, 1)


def put_batching(draft: Draft, found: DatasetLengths, collator: Any) -> None:
    """Sets lengths, and how samples of different lengths come into a batch."""
    put_lengths(draft, found)
    collator = getattr(collator, "data_collator", collator)
    cap = getattr(collator, "max_length", None)
    if getattr(collator, "padding", None) == "max_length" and cap:
        draft.put("batching", "padded", "logged", "padding of the collator")
        draft.put("seq_len", cap, "logged", "max_length of the collator")
    elif "Flattening" in type(collator).__name__:
        draft.put("batching", "padding_free", "logged", f"collator {type(collator).__name__}")
    elif found.are_equal:
        draft.offer("batching", "padded" if found.has_padding else "packed", "logged", "samples of one length")
    else:
        draft.offer("batching", "dynamic", "logged", "samples of several lengths")
    seq_len, micro = draft.get("seq_len"), draft.get("micro_batch_size")
    if draft.get("batching") == "dynamic":
        mean = found.lengths.mean_longest_of(micro or 1, seq_len)
        draft.put("mean_tokens_per_sample", mean, "logged", "expected longest sample of a batch")
    elif draft.get("batching") == "padding_free":
        draft.put("mean_tokens_per_sample", found.lengths.kept_mean(seq_len), "logged", "mean sample")
    if found.is_complete and found.lengths.longest < seq_len and draft.get("batching") == "dynamic":
        draft.put("max_tokens_per_sample", found.lengths.longest, "logged", "longest sample")


def fed_tokens(found: DatasetLengths, seq_len: int | None, micro_batch: int) -> int:
    """Tokens that one pass over a data set feeds, padded to the longest of each batch."""
    return max(round(found.rows * found.lengths.mean_longest_of(micro_batch, seq_len or found.lengths.longest)), 1)


def _put_optimizer(draft: Draft, optimizer: Any) -> None:
    """The class goes before the arguments, which an optimizer that was handed in does not follow."""
    inner = getattr(optimizer, "optimizer", optimizer)
    names = OPTIMIZERS.get(type(inner).__name__)
    if names is not None and draft.get("optimizer") not in names:
        is_fused = names[-1] == "adamw_fused" and any(group.get("fused") for group in inner.param_groups)
        draft.put("optimizer", names[-1] if is_fused else names[0], "logged", f"class {type(inner).__name__}")


def _put_sharding(draft: Draft, num_ranks: int) -> None:
    """What accelerate was told, by the arguments or by its launcher."""
    from accelerate.state import AcceleratorState

    shared = AcceleratorState._shared_state
    deepspeed, fsdp = shared.get("deepspeed_plugins"), shared.get("fsdp_plugin")
    kind = str(getattr(shared.get("distributed_type"), "value", shared.get("distributed_type")))
    if num_ranks == 1 or kind in ("NO", "MULTI_GPU", "MULTI_CPU"):
        draft.put("parallelism.zero_stage", 0, "logged", "accelerate: nothing is divided")
    elif kind == "DEEPSPEED" and deepspeed:
        plugin = next(iter(deepspeed.values())) if isinstance(deepspeed, dict) else deepspeed
        draft.put("parallelism.zero_stage", plugin.zero_stage, "logged", "accelerate: DeepSpeed plugin")
    elif kind == "FSDP" and fsdp is not None:
        strategy = getattr(fsdp.sharding_strategy, "name", None)
        stage = SHARDED.get(str(strategy)) if strategy else 3 if fsdp.reshard_after_forward else 2
        draft.put("parallelism.zero_stage", stage, "logged", "accelerate: FSDP plugin")
        draft.put("parallelism.cpu_offload", bool(_offloads(fsdp.cpu_offload)), "logged", "accelerate: FSDP plugin")
        if fsdp.activation_checkpointing:
            draft.put("activation_checkpointing", "full", "logged", "accelerate: FSDP plugin")


def _offloads(given: Any) -> bool:
    return bool(getattr(given, "offload_params", given))


def _put_checkpoints(draft: Draft, args: Any, state: Any) -> None:
    strategy = getattr(args.save_strategy, "value", args.save_strategy)
    if strategy in ("steps", "epoch"):
        every = state.save_steps if strategy == "steps" else steps_per_epoch(state)
        draft.put("checkpoints.every_steps", every, "logged", RULE)
    if strategy != "no":
        frozen_base = draft.get("method") in ("lora", "qlora", "adapter")
        content = "full_state" if not args.save_only_model else "adapter" if frozen_base else "weights"
        draft.put("checkpoints.content", content, "logged", RULE)


def evaluates_every(args: Any, state: Any) -> int | None:
    """Steps between two evaluations; None: only at the end."""
    strategy = getattr(args.eval_strategy, "value", args.eval_strategy)
    return int(state.eval_steps) if strategy == "steps" else steps_per_epoch(state) if strategy == "epoch" else None


def steps_per_epoch(state: Any) -> int:
    steps: int = round(state.max_steps / max(state.num_train_epochs, 1))
    return max(steps, 1)
