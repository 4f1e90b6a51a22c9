"""Hugging Face Trainer and TRL: what their MLflow callback logs (transformers 4.40 to 5.23, TRL 0.9 to 1.x).

Not logged by them: LoRA rank and targets, world size, and outside TRL the sequence length. These are inferred.
"""

from typing import Any

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.hf_model import read_model
from planner.dialects.params import Params

OPTIMIZERS = {
    "adamw_torch": "adamw", "adamw_hf": "adamw", "adamw_torch_fused": "adamw_fused", "adamw_apex_fused": "adamw_fused",
    "adamw_bnb_8bit": "adamw_8bit", "adamw_8bit": "adamw_8bit", "paged_adamw_8bit": "adamw_8bit",
    "paged_adamw": "paged_adamw_32bit", "paged_adamw_32bit": "paged_adamw_32bit",
    "adafactor": "adafactor", "sgd": "sgd", "lion_32bit": "lion", "paged_lion_32bit": "lion",
}  # fmt: skip
DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
ATTENTION = {
    "flash_attention_2": "flash", "flash_attention_3": "flash", "kernels-community/flash-attn": "flash",
    "sdpa": "sdpa", "eager": "eager",
}  # fmt: skip
PRECISION_RULE = "HF params"
LOSS_TYPES = {"nll": "full_logits", "chunked_nll": "chunked_ce"}


def recognises(params: Params) -> bool:
    return "per_device_train_batch_size" in params


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
    _precision(params, draft)
    _kernels(params, draft)
    _batches(params, draft)
    _checkpoints(params, draft)
    rows = [given.num_rows for given in facts.inputs if given.num_rows and given.context in (None, "train", "training")]
    draft.put(
        "dataset",
        {"rows": rows[0]} if len(rows) == 1 else None,
        "logged",
        "num_rows in the profile of the dataset input",
    )
    is_trl = any(name in params for name in ("dataset_text_field", "completion_only_loss", "packing"))
    draft.put("framework", "trl" if is_trl else "transformers", "inferred", "names of the params")
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
    stage = params.nested("deepspeed").get("zero_optimization", {})
    if isinstance(stage, dict) and str(stage.get("stage")) in ("0", "1", "2", "3"):
        draft.put("parallelism.zero_stage", int(stage["stage"]), "logged", "param deepspeed: zero_optimization.stage")
        offload = any("cpu" in str(stage.get(key)) for key in ("offload_optimizer", "offload_param"))
        draft.put("parallelism.cpu_offload", offload, "logged", "param deepspeed: offload_optimizer, offload_param")
    elif "deepspeed" in params:
        draft.unknown(
            "parallelism.zero_stage", "param deepspeed names a file; its zero_optimization.stage is not logged"
        )
    elif fsdp and fsdp not in ("[]", "false"):
        known = {"no_shard": 0, "shard_grad_op": 2, "full_shard": 3, "hybrid_shard": 3, "true": 3}
        stages = [number for word, number in known.items() if word in fsdp]
        draft.put("parallelism.zero_stage", stages[0] if stages else None, "logged", f"param fsdp = {fsdp[:80]}")
        draft.put("parallelism.cpu_offload", "offload" in fsdp, "logged", "param fsdp")
    for part, name in (("tp", "tp_size"), ("cp", "cp_size")):
        size = params.integer(f"parallelism_config.{name}")
        if size:
            draft.put(f"parallelism.{part}", size, "logged", f"param parallelism_config: {name}")


def _precision(params: Params, draft: Draft) -> None:
    """Flags bf16 and fp16 ask for autocast; the weights keep the dtype they were loaded with."""
    logged = (params.text("dtype") or params.text("torch_dtype") or "").removeprefix("torch.")
    weights = DTYPES.get(logged, "fp32")
    rule = f"dtype = {logged}" if logged in DTYPES else "no dtype logged: torch's default of fp32"
    amp = next((short for short in ("bf16", "fp16") if params.flag(short)), None)
    flags = f"{amp} = True (autocast)" if amp else "bf16 and fp16 not set"
    draft.put(
        "precision",
        {"weights_dtype": weights, "compute_dtype": amp or weights, "amp": amp is not None},
        "logged" if logged in DTYPES else "inferred",
        f"{PRECISION_RULE} {rule}; {flags}",
    )


def settle_precision(params: Params, draft: Draft) -> None:
    """What of the precision depends on the method, once that is known."""
    precision, method = draft.get("precision"), draft.get("method")
    rule = draft.origins["precision"].rule if precision is not None else ""
    if method is None or not rule.startswith(PRECISION_RULE):
        return
    if method == "full" and precision.amp and "fsdp" in params and draft.get("parallelism.zero_stage") == 3:
        changed = {"weights_dtype": "fp32"}
        rule += "; FSDP with autocast keeps trained weights as fp32 shards"
    elif method in ("lora", "qlora"):
        changed = {"adapter_dtype": "fp32"}
        rule += "; PEFT keeps adapters in fp32"
    else:
        return
    draft.put("precision", {**precision.model_dump(), **changed}, "inferred", rule)


def _kernels(params: Params, draft: Draft) -> None:
    flags = {
        name: params.flag(name)
        for name in ("gradient_checkpointing", "activation_checkpointing", "fsdp_config.activation_checkpointing")
    }
    on = [name for name, value in flags.items() if value]
    given = [name for name, value in flags.items() if value is not None]
    draft.put(
        "activation_checkpointing",
        ("full" if on else "none") if given else None,
        "logged",
        f"params {', '.join(on or given)}" if given else "params gradient_checkpointing, activation_checkpointing",
    )
    names = ("attn_implementation", "_attn_implementation", "_attn_implementation_autoset")
    draft.put(
        "attention",
        next((ATTENTION[text] for name in names if (text := params.text(name) or "") in ATTENTION), None),
        "logged",
        "params attn_implementation, _attn_implementation",
    )
    loss_type = params.text("loss_type") or ""
    liger = params.flag("use_liger_kernel")
    if liger:
        draft.put("loss", "fused_linear_ce", "logged", "param use_liger_kernel")
    elif loss_type in LOSS_TYPES:
        draft.put("loss", LOSS_TYPES[loss_type], "logged", f"param loss_type = {loss_type}")
    else:
        draft.put(
            "loss",
            "full_logits" if liger is False else None,
            "inferred",
            "param use_liger_kernel: stock loss where it is off",
        )


def _batches(params: Params, draft: Draft) -> None:
    """TRL logs the length; other trainers do not."""
    packing, padding_free = params.flag("packing"), params.flag("padding_free")
    cap = params.integer("max_length") or params.integer("max_seq_length")
    if packing is None:
        draft.unknown("seq_len", "params max_length and packing (TRL)")
        draft.unknown("batching", "params packing and padding_free (TRL)")
        return
    draft.put(
        "seq_len", cap, "logged", "param max_length" if packing else "param max_length: the cap of the batches' lengths"
    )
    draft.put(
        "batching",
        "packed" if packing else "padding_free" if padding_free else "dynamic",
        "logged",
        "params packing, padding_free",
    )


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
