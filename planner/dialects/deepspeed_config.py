"""A DeepSpeed configuration, logged as text or kept as an artifact (DeepSpeed 0.9 to 0.18)."""

from planner.dialects.draft import Draft
from planner.dialects.named_fields import Named, integer, put_named
from planner.dialects.params import Params
from planner.domain.training_run import OriginKind

BATCH = (
    Named("micro_batch_size", ("train_micro_batch_size_per_gpu",), integer),
    Named("gradient_accumulation_steps", ("gradient_accumulation_steps",), integer),
)  # fmt: skip
"""``auto`` stands for what the trainer was told, which it logs itself."""
OPTIMIZERS = {"adam": "adamw", "adamw": "adamw", "lion": "lion"}
STAGES = ("0", "1", "2", "3")
OFFLOADS = ("offload_optimizer", "offload_param")


def recognises_file(config: Params) -> bool:
    return "zero_optimization" in config or bool(config.nested("zero_optimization"))


def describe_file(config: Params, draft: Draft, place: str, kind: OriginKind = "artifact") -> None:
    """Fills the draft from a configuration with dotted names; ``place`` says where it was found."""
    stage = config.text("zero_optimization.stage")
    if stage in STAGES:
        draft.put("parallelism.zero_stage", int(stage), kind, f"{place}: zero_optimization.stage")
        devices = [(config.text(f"zero_optimization.{name}.device") or "none").lower() for name in OFFLOADS]
        where = f"{place}: {', '.join(OFFLOADS)}"
        draft.put("parallelism.cpu_offload", "cpu" in devices, kind, where)
        draft.put("parallelism.nvme_offload", "nvme" in devices, kind, where)
    for draft_field in BATCH:
        if draft.get(draft_field.field) is None:
            put_named(config, draft, (draft_field,), kind=kind, place=f"{place}:")
    name = (config.text("optimizer.type") or "").lower()
    if draft.get("optimizer") is None and name in OPTIMIZERS:
        draft.put("optimizer", OPTIMIZERS[name], kind, f"{place}: optimizer.type")
    flags = {short: config.flag(f"{short}.enabled") for short in ("bf16", "fp16")}
    on = next((short for short, value in flags.items() if value), None)
    if on and draft.get("precision") is None:
        draft.put("precision", {"weights_dtype": on, "compute_dtype": on, "amp": False}, kind, f"{place}: {on}.enabled")
