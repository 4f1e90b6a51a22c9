"""What a model in memory says of itself: method, adapter, parameters that are trained, dtypes, kernels."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from planner.dialects.draft import Draft
from planner.dialects.hf_kernels import ATTENTION
from planner.dialects.hf_model import flattened, read_model
from planner.dialects.hf_precision import DTYPES
from planner.dialects.params import Params
from planner.dialects.peft_adapter import describe_file

RULE = "the model in memory"
CHECKPOINTING = ("is_activation_checkpointing", "is_gradient_checkpointing")
"""What models call it in transformers 5.23, and before."""
FLAT = "FlatParameter"
"""One rank's part of many weights, as the first version of FSDP keeps them: it tells no size."""


def put_model(draft: Draft, model: Any, *, autocast: str | None) -> None:
    """Sets what the model tells; ``autocast``: the dtype that is computed in under autocast, where it is used."""
    config: Any = getattr(model, "config", None)
    if draft.get("model") is None and hasattr(config, "to_dict"):
        found = read_model(Params(flattened(config.to_dict())), draft.catalog)
        draft.put("model", found.spec, "logged", found.rule)
    weights = list(model.parameters())
    _put_method(draft, model, weights)
    _put_precision(draft, weights, autocast)
    repeats = next((value for name in CHECKPOINTING if (value := getattr(model, name, None)) is not None), False)
    if repeats:
        draft.put("activation_checkpointing", "full", "logged", RULE)
    attention = ATTENTION.get(getattr(config, "_attn_implementation", None) or "")
    if attention is not None:
        draft.put("attention", attention, "logged", RULE)


def _put_method(draft: Draft, model: Any, weights: list[Any]) -> None:
    adapter = active_adapter(model)
    trained = [one for one in weights if one.requires_grad]
    if adapter is not None:
        describe_file(Params({name: str(value) for name, value in adapter.items()}), draft, RULE)
    elif len(trained) == len(weights):
        draft.put("method", "full", "logged", RULE)
    if trained and not _is_flat(trained):
        draft.put("trainable_params", _count(trained), "logged", f"{RULE}: weights that need a gradient")


def active_adapter(model: Any) -> Mapping[str, Any] | None:
    """The configuration of PEFT's adapter that is trained; None without one."""
    configs = getattr(model, "peft_config", None)
    if not isinstance(configs, Mapping) or not configs:
        return None
    active = getattr(model, "active_adapter", None)
    chosen = configs.get(active if isinstance(active, str) else "", next(iter(configs.values())))
    content: Mapping[str, Any] = chosen.to_dict()
    return content


def _put_precision(draft: Draft, weights: list[Any], autocast: str | None) -> None:
    has_adapter = draft.get("method") in ("lora", "qlora", "adapter")
    base = _most_common(one for one in weights if not (has_adapter and one.requires_grad))
    if base is None:
        return
    precision = {"weights_dtype": base, "compute_dtype": autocast or base, "amp": autocast is not None}
    if has_adapter:
        precision["adapter_dtype"] = _most_common(one for one in weights if one.requires_grad) or base
    draft.put("precision", precision, "logged", f"{RULE}: dtypes of its weights")


def _most_common(weights: Iterable[Any]) -> str | None:
    counts: Counter[str] = Counter()
    for one in weights:
        if (short := DTYPES.get(str(one.dtype).removeprefix("torch."))) is not None:
            counts[short] += _count([one])
    return counts.most_common(1)[0][0] if counts else None


def _count(weights: Iterable[Any]) -> int:
    """Numbers of all ranks; DeepSpeed keeps the count of a weight of which a rank holds a part."""
    return sum(int(getattr(one, "ds_numel", 0) or one.numel()) for one in weights)


def _is_flat(weights: Iterable[Any]) -> bool:
    return any(type(one).__name__ == FLAT for one in weights)
