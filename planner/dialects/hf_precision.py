"""Dtypes of a run of Hugging Face's Trainer."""

from planner.dialects.draft import Draft
from planner.dialects.params import Params

DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
PRECISION_RULE = "HF params"


def read_precision(params: Params, draft: Draft) -> None:
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
