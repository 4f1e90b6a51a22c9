"""Composer and llm-foundry (0.5 to 0.22): a configuration of dictionaries in text, durations with units.

Names from their sources: ``log_config`` of llm-foundry logs the whole configuration; Composer's speed and memory
monitors log ``throughput/*``, ``time/*`` and ``memory/*`` (gigabytes of 1e9 bytes).
"""

import re

from planner.dialects.adapters import targets_of
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.hf_model import flattened, read_hf_config
from planner.dialects.named_fields import Named, flag, given, integer, number, one_of, put_named, when
from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec
from planner.errors import ConfigError
from planner.units import GIGA

NAME = "composer"
SECTIONS = ("model", "fsdp_config", "parallelism_config", "optimizer", "train_loader", "variables", "dist_timeout")
PRECISIONS = {"amp_bf16": "bf16-mixed", "amp_fp16": "fp16-mixed", "bf16": "bf16-mixed", "fp32": "fp32"}
OPTIMIZERS = {
    "decoupled_adamw": "adamw", "adamw": "adamw", "decoupled_lionw": "lion", "decoupled_lionw_8b": "lion_8bit",
}  # fmt: skip
SHARDING = {"full_shard": 3, "hybrid_shard": 3, "shard_grad_op": 2, "_hybrid_shard_zero2": 2, "no_shard": 0}
FSDP = ("fsdp_config", "parallelism_config.fsdp_config", "parallelism_config.fsdp", "parallelism_config.fsdp2")
OFFLOADS = tuple(f"{name}.activation_cpu_offload" for name in FSDP)
FIELDS = (
    Named("seq_len", ("max_seq_len", "variables.max_seq_len", "train_loader.dataset.max_seq_len"), integer),
    Named("micro_batch_size", ("device_train_microbatch_size",), integer),
    Named("precision", ("precision",), one_of(PRECISIONS)),
    Named("optimizer", ("optimizer.name",), one_of(OPTIMIZERS)),
    Named("parallelism.zero_stage", tuple(f"{name}.sharding_strategy" for name in FSDP), one_of(SHARDING)),
    Named("parallelism.cpu_offload", tuple(f"{name}.cpu_offload" for name in FSDP), flag),
    Named("activation_checkpointing", tuple(f"{name}.activation_checkpointing" for name in FSDP), when("full", "none")),
    Named("activation_checkpointing", OFFLOADS, when("offloaded", None)),
    Named("attention", ("model.use_flash_attention_2",), when("flash", None)),
    Named("attention", ("model.attn_config.attn_impl",), one_of({"flash": "flash", "torch": "eager"})),
    Named("loss", ("model.loss_fn",), one_of({"fused_crossentropy": "fused_ce", "torch_crossentropy": "full_logits"})),
    Named("batching", ("train_loader.dataset.packing_ratio",), given("packed")),
    Named("lora.rank", ("model.peft_config.r",), integer),
    Named("checkpoints.keep_last", ("save_num_checkpoints_to_keep",), integer),
    Named("compiler", ("compile_config",), given("torch_compile")),
)  # fmt: skip
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ep|ba|tok|sp)")
GPUS_PER_NODE = ("num_gpus_per_node", "n_gpus_per_node")
PEAKS = {
    "actual.peak_allocated_bytes": "memory/peak_allocated_mem",
    "actual.peak_reserved_bytes": "memory/peak_reserved_mem",
}  # fmt: skip


def recognises(facts: RunFacts) -> bool:
    return "max_duration" in facts.params and any(
        name in facts.params for name in ("global_train_batch_size", "device_train_microbatch_size", "train_loader")
    )


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under the names of Composer and llm-foundry."""
    sections = flattened({name: params.nested(name) for name in SECTIONS})
    whole = Params({**facts.params, **sections})
    _model(whole, draft)
    put_named(whole, draft, FIELDS)
    _method(whole, draft)
    _batch(whole, draft)
    _durations(whole, draft)
    draft.put("framework", NAME, "inferred", "params max_duration, global_train_batch_size")
    draft.put("framework_version", params.text("composer_version"), "logged", "param composer_version")
    speed = facts.positive("throughput/device/tokens_per_sec")
    draft.put("actual.tokens_per_s_per_accelerator", speed, "logged", "metric throughput/device/tokens_per_sec")
    draft.put("actual.tokens", facts.positive("time/token"), "logged", "metric time/token")
    for field, name in PEAKS.items():
        peak = facts.positive(name)
        draft.put(field, None if peak is None else peak * GIGA, "logged", f"metric {name} (1e9 bytes)")
    batches = facts.positive("time/batch")
    draft.put("actual.steps", None if batches is None else round(batches), "logged", "metric time/batch")


def _model(params: Params, draft: Draft) -> None:
    name = params.text("model.pretrained_model_name_or_path")
    listed = draft.catalog.models.get(draft.catalog.model_by_hub_id.get((name or "").lower(), ""))
    draft.put("model", listed or _own_model(params), "logged", f"param model: {(name or 'its dimensions')[:80]}")


def _own_model(params: Params) -> ModelSpec | None:
    try:
        sizes = {name: str(value) for name, value in params.nested("model").items()}
        return read_hf_config(Params({"model_type": "mpt", **sizes}), name="mpt", may_assume=False)
    except ConfigError:
        return None


def _method(params: Params, draft: Draft) -> None:
    kind = (params.text("model.peft_config.peft_type") or "").lower()
    if kind == "lora":
        draft.put("method", "lora", "logged", "param model: peft_config.peft_type")
        targets = targets_of(params.words("model.peft_config.target_modules"))
        draft.put("lora.targets", targets, "logged", "param model: peft_config.target_modules")
    elif not kind and "model" in params:
        draft.put("method", "full", "inferred", "param model has no peft_config")


def _batch(params: Params, draft: Draft) -> None:
    nodes, per_node = (
        integer(params, "num_nodes"),
        next(filter(None, (integer(params, n) for n in GPUS_PER_NODE)), None),
    )
    stated = integer(params, "n_gpus")
    if stated or (nodes and per_node):
        draft.devices = (stated or (nodes or 1) * (per_node or 1), "params n_gpus, num_nodes x num_gpus_per_node")
    whole, micro = integer(params, "global_train_batch_size"), draft.get("micro_batch_size")
    rule = "global_train_batch_size / (device_train_microbatch_size x accelerators)"
    if whole and micro and draft.devices and whole % (micro * draft.devices[0]) == 0:
        draft.put("gradient_accumulation_steps", whole // (micro * draft.devices[0]), "inferred", rule)
    else:
        draft.unknown("gradient_accumulation_steps", rule)


def _durations(params: Params, draft: Draft) -> None:
    for name, fields in (
        ("max_duration", {"ep": "epochs", "ba": "max_steps", "tok": "train_tokens"}),
        ("save_interval", {"ba": "checkpoints.every_steps"}),
    ):
        found = DURATION.fullmatch((params.text(name) or "").lower())
        if found and found[2] in fields:
            value = number(Params({name: found[1]}), name)
            whole = value if value is None or fields[found[2]] == "epochs" else int(value)
            draft.put(fields[found[2]], whole, "logged", f"param {name} = {found[0]}")
