"""What the sizes of a run's saved files tell: checkpoints, and the parameters of an adapter.

A safetensors file is its numbers and a header with one entry for each tensor (measured with PEFT 0.21: 125 to 128
bytes each). LoRA has two tensors for each adapted module of each layer.
"""

import re
from collections import defaultdict

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.infer_length import listed, possible_adapters

CHECKPOINT = re.compile(r"(^|/)(checkpoint-\d+|iter_\d+|ep\d+-ba\d+|epoch[-_=]?\d+(-step[-_=]?\d+)?|step[-_]?\d+)/")
ADAPTER_FILE = "adapter_model.safetensors"
HEADER_BYTES_PER_TENSOR = (90, 200)
BYTES = {"fp32": (4,), "bf16": (2,), "fp16": (2,)}
EITHER = (4, 2)


def read_saved_files(facts: RunFacts, draft: Draft) -> None:
    """Number and size of the checkpoints among the artifacts; an adapter where only one of the common ones fits."""
    sizes: defaultdict[str, int] = defaultdict(int)
    for path, size in facts.artifact_bytes.items():
        if found := CHECKPOINT.search(path):
            sizes[path[: found.end()]] += size
    draft.put(
        "actual.checkpoint_bytes",
        max(sizes.values(), default=None),
        "artifact",
        "the largest checkpoint among the artifacts, all its files",
    )
    draft.put("actual.num_checkpoints", len(sizes) or None, "artifact", "checkpoints among the artifacts")
    _adapter(facts, draft)


def _adapter(facts: RunFacts, draft: Draft) -> None:
    model, size = draft.get("model"), _adapter_bytes(facts)
    if size is None or model is None or draft.get("lora.rank") is not None or draft.get("method") == "full":
        return
    precision = draft.get("precision")
    widths = BYTES.get(precision.adapter_dtype or "", EITHER) if precision is not None else EITHER
    known = draft.get("trainable_params")
    fitting = [
        adapter
        for adapter in possible_adapters(model)
        for width in widths
        if adapter.targets
        and known in (None, adapter.params)
        and _fits(size - width * adapter.params, 2 * model.num_layers * len(adapter.targets))
    ]
    rule = f"size of the artifact {ADAPTER_FILE}: {size:,} bytes"
    if len({adapter.params for adapter in fitting}) == 1:
        draft.offer("method", "lora", "artifact", rule)
        draft.offer("trainable_params", fitting[0].params, "artifact", rule)
    if len(set(fitting)) == 1:
        draft.offer("lora.rank", fitting[0].rank, "artifact", rule)
        draft.offer("lora.targets", fitting[0].targets, "artifact", rule)
    else:
        draft.unknown("lora.rank", f"{rule}: {listed(fitting)}")


def _fits(header_bytes: int, tensors: int) -> bool:
    low, high = HEADER_BYTES_PER_TENSOR
    return low * tensors <= header_bytes <= high * tensors


def _adapter_bytes(facts: RunFacts) -> int | None:
    sizes = {size for path, size in facts.artifact_bytes.items() if path.rpartition("/")[2] == ADAPTER_FILE}
    return sizes.pop() if len(sizes) == 1 else None
