"""Hugging Face Trainer: what its MLflow callback logs (transformers 4.40 to 5.23).

Not logged: LoRA rank and targets, world size, sequence length. These are inferred, or said by what builds on it.
"""

from typing import Any

from planner.dialects import deepspeed_config
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.hf_kernels import read_kernels
from planner.dialects.hf_model import flattened, read_model
from planner.dialects.hf_precision import read_precision
from planner.dialects.params import Params

NAME = "hf_trainer"
OPTIMIZERS = {
    "adamw_torch": "adamw", "adamw_hf": "adamw", "adamw_torch_fused": "adamw_fused", "adamw_apex_fused": "adamw_fused",
    "adamw_bnb_8bit": "adamw_8bit", "adamw_8bit": "adamw_8bit", "paged_adamw_8bit": "adamw_8bit",
    "paged_adamw": "paged_adamw_32bit", "paged_adamw_32bit": "paged_adamw_32bit",
    "adafactor": "adafactor", "sgd": "sgd", "lion_32bit": "lion", "paged_lion_32bit": "lion",
    "adamw_torch_4bit": "adamw_4bit", "adamw_torch_8bit": "adamw_8bit", "lion_8bit": "lion_8bit",
    "paged_lion_8bit": "lion_8bit", "galore_adamw": "galore_adamw", "galore_adamw_8bit": "galore_adamw_8bit",
}  # fmt: skip


def recognises(facts: RunFacts) -> bool:
    return "per_device_train_batch_size" in Params(facts.params)


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under Hugging Face's names."""
    model = read_model(params, draft.catalog)
    draft.put("model", model.spec, "logged", model.rule)
    draft.put(
        "micro_batch_size", params.integer("per_device_train_batch_size"), "logged", "param per_device_train_batch_size"
    )
    draft.put(
        "gradient_accumulation_steps",
        params.integer("gradient_accumulation_steps"),
        "logged",
        "param gradient_accumulation_steps",
    )
    _length_of_run(params, draft)
    _optimizer(params, draft)
    _quantization(params, draft)
    _sharding(params, draft)
    read_precision(params, draft)
    read_kernels(params, draft)
    _checkpoints(params, draft)
    rows = [given.num_rows for given in facts.inputs if given.num_rows and given.context in (None, "train", "training")]
    draft.put(
        "dataset",
        {"rows": rows[0]} if len(rows) == 1 else None,
        "logged",
        "num_rows in the profile of the dataset input",
    )
    draft.unknown("seq_len", "params max_length and packing (TRL)")
    draft.unknown("batching", "params packing and padding_free (TRL)")
    draft.put("framework", "transformers", "inferred", "names of the params")
    draft.put("framework_version", params.text("transformers_version"), "logged", "param transformers_version")


def _length_of_run(params: Params, draft: Draft) -> None:
    max_steps = params.integer("max_steps")
    if max_steps is not None and max_steps > 0:
        draft.put("max_steps", max_steps, "logged", "param max_steps")
        draft.unknown("epochs", "param num_train_epochs does not count where max_steps is given")
    else:
        draft.unknown("max_steps", "param max_steps")
        draft.put("epochs", params.number("num_train_epochs"), "logged", "param num_train_epochs")


def _optimizer(params: Params, draft: Draft) -> None:
    logged = (params.text("optim") or "").lower().removeprefix("optimizernames.")
    known = OPTIMIZERS.get(logged)
    draft.put("optimizer", known, "logged", f"param optim = {logged[:60]}" if logged else "param optim")


def _quantization(params: Params, draft: Draft) -> None:
    config = params.nested("quantization_config")
    rule = "param quantization_config"
    if not config:
        draft.put("base_quantization", "none", "inferred", f"no {rule} beside the other model params")
        return
    how = str(config.get("quant_method", "")).lower()
    if _true(config.get("load_in_4bit")) or _true(config.get("_load_in_4bit")):
        double = "_dq" if _true(config.get("bnb_4bit_use_double_quant")) else ""
        draft.put(
            "base_quantization", f"nf4{double}" if config.get("bnb_4bit_quant_type") == "nf4" else None, "logged", rule
        )
        draft.put("method", "qlora", "inferred", f"{rule}: a 4-bit base can only be trained through an adapter")
    elif _true(config.get("load_in_8bit")) or _true(config.get("_load_in_8bit")):
        draft.put("base_quantization", "int8", "logged", rule)
        draft.put("method", "lora", "inferred", f"{rule}: an 8-bit base can only be trained through an adapter")
    elif how == "gptq":
        draft.put("base_quantization", "gptq4" if str(config.get("bits")) == "4" else None, "logged", rule)
        draft.put("method", "qlora", "inferred", f"{rule}: a quantised base can only be trained through an adapter")
    else:
        draft.unknown("base_quantization", f"{rule}: quantisation {how[:60]!r} is not known")


def _sharding(params: Params, draft: Draft) -> None:
    fsdp = (params.text("fsdp") or "").lower()
    deepspeed = Params(flattened(params.nested("deepspeed")))
    if deepspeed_config.recognises_file(deepspeed):
        deepspeed_config.describe_file(deepspeed, draft, "param deepspeed", "logged")
    elif "deepspeed" in params:
        draft.unknown(
            "parallelism.zero_stage", "param deepspeed names a file; its zero_optimization.stage is not logged"
        )
    elif fsdp and fsdp not in ("[]", "false"):
        known = {"no_shard": 0, "shard_grad_op": 2, "full_shard": 3, "hybrid_shard": 3, "true": 3}
        stages = [number for word, number in known.items() if word in fsdp]
        draft.put("parallelism.zero_stage", stages[0] if stages else None, "logged", f"param fsdp = {fsdp[:80]}")
        draft.put("parallelism.cpu_offload", "offload" in fsdp, "logged", "param fsdp")
    for part, name in (("tp", "tp_size"), ("cp", "cp_size"), ("dp_shard", "dp_shard_size")):
        size = params.integer(f"parallelism_config.{name}")
        if size:
            draft.put(f"parallelism.{part}", size, "logged", f"param parallelism_config: {name}")


def _checkpoints(params: Params, draft: Draft) -> None:
    strategy = (
        (params.text("save_strategy") or "").lower().removeprefix("savestrategy.").removeprefix("intervalstrategy.")
    )
    every = params.number("save_steps")
    max_steps = draft.get("max_steps")
    if strategy == "steps" and every is not None:
        share = every < 1 and max_steps
        draft.put(
            "checkpoints.every_steps",
            max(round(every * max_steps), 1) if share else int(every),
            "logged",
            "params save_strategy, save_steps",
        )
    else:
        draft.unknown("checkpoints.every_steps", f"params save_strategy = {strategy[:40] or 'none'}, save_steps")
    if strategy in ("steps", "epoch"):
        draft.put("checkpoints.keep_last", params.integer("save_total_limit"), "logged", "param save_total_limit")
        only_model = params.flag("save_only_model")
        if only_model is False:
            draft.put("checkpoints.content", "full_state", "logged", "param save_only_model = False")


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "1")
