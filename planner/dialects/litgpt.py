"""LitGPT (0.4 to 0.5) through Lightning's logger: ``train/micro_batch_size``, ``lora_r``, ``lora_query``.

Names from its sources: ``args`` (TrainArgs, EvalArgs) and the arguments of ``finetune/*`` and ``pretrain``.
"""

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.named_fields import Named, integer, number, one_of, put_named
from planner.dialects.params import Params

NAME = "litgpt"
PRECISIONS = {
    "bf16-true": "bf16", "bf16-mixed": "bf16-mixed", "16-true": "fp16", "16-mixed": "fp16-mixed", "32-true": "fp32",
}  # fmt: skip
QUANTIZED = {
    "bnb.nf4": "nf4",
    "bnb.nf4-dq": "nf4_dq",
    "bnb.fp4": "fp4",
    "bnb.int8": "int8",
    "bnb.int8-training": "int8",
}
TARGETS = {
    "lora_query": ("q_proj",), "lora_key": ("k_proj",), "lora_value": ("v_proj",), "lora_projection": ("o_proj",),
    "lora_mlp": ("gate_proj", "up_proj", "down_proj"),
}  # fmt: skip
FIELDS = (
    Named("micro_batch_size", ("train.micro_batch_size",), integer),
    Named("seq_len", ("train.max_seq_length",), integer),
    Named("max_steps", ("train.max_steps",), integer),
    Named("epochs", ("train.epochs",), number),
    Named("train_tokens", ("train.max_tokens",), integer),
    Named("checkpoints.every_steps", ("train.save_interval",), integer),
    Named("precision", ("precision",), one_of(PRECISIONS)),
    Named("base_quantization", ("quantize",), one_of(QUANTIZED)),
    Named("lora.rank", ("lora_r",), integer),
)


def recognises(facts: RunFacts) -> bool:
    return "train.micro_batch_size" in dotted(facts) and "train.global_batch_size" in dotted(facts)


def dotted(facts: RunFacts) -> dict[str, str]:
    """Params under names with dots, where Lightning's logger puts slashes."""
    return {name.replace("/", "."): value for name, value in facts.params.items()}


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under LitGPT's names."""
    params = Params(dotted(facts))
    place = (params.text("checkpoint_dir") or "").rstrip("/")
    hub_id = "/".join(place.split("/")[-2:]).lower()
    named = (params.text("model_name") or hub_id.rpartition("/")[2]).lower()
    models = draft.catalog.models
    listed = models.get(draft.catalog.model_by_hub_id.get(hub_id, "")) or models.get(named)
    draft.put("model", listed, "logged", f"param checkpoint_dir = {place[-80:]}, looked up in the catalog")
    put_named(params, draft, FIELDS)
    if params.integer("lora_r") is not None:
        method = "qlora" if (params.text("quantize") or "").startswith(("bnb.nf4", "bnb.fp4")) else "lora"
        draft.put("method", method, "logged", "params lora_r, quantize")
        targets = tuple(module for name, modules in TARGETS.items() if params.flag(name) for module in modules)
        draft.put("lora.targets", targets or None, "logged", f"params {', '.join(TARGETS)}")
    else:
        draft.unknown("method", "param lora_r; full and adapter scripts log the same names")
    devices, nodes = integer(params, "devices"), integer(params, "num_nodes") or 1
    whole, micro = integer(params, "train.global_batch_size"), draft.get("micro_batch_size")
    if devices:
        draft.devices = (devices * nodes, "params devices x num_nodes")
        if whole and micro and whole >= devices * nodes * micro:
            accumulation = whole // (devices * nodes) // micro
            rule = "global_batch_size / (devices x num_nodes x micro_batch_size)"
            draft.put("gradient_accumulation_steps", accumulation, "inferred", rule)
    if draft.get("gradient_accumulation_steps") is None:
        draft.unknown("gradient_accumulation_steps", "params train/global_batch_size, devices, train/micro_batch_size")
    draft.put("optimizer", _optimizer(params), "logged", "param optimizer")
    draft.put("framework", NAME, "inferred", "params train/micro_batch_size, train/global_batch_size")


def _optimizer(params: Params) -> str | None:
    """A class name, or a dictionary with ``class_path``."""
    logged = (params.text("optimizer.class_path") or params.text("optimizer") or "").rpartition(".")[2].lower()
    return {"adamw": "adamw", "sgd": "sgd", "pagedadamw": "paged_adamw_32bit", "adamw8bit": "adamw_8bit"}.get(logged)
