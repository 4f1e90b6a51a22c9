"""In which dtypes a run keeps and computes its numbers."""

from typing import Literal

from planner.domain import Frozen
from planner.domain.accelerator import Dtype


class Precision(Frozen):
    """Dtypes as separate facts: what weights are kept in, what is computed in, whether autocast converts."""

    weights_dtype: Dtype = "bf16"
    compute_dtype: Dtype = "bf16"
    amp: bool = False
    adapter_dtype: Dtype | None = None


PrecisionName = Literal["bf16", "bf16-mixed", "fp16", "fp16-mixed", "fp32"]
PRECISIONS: dict[str, Precision] = {
    "bf16": Precision(weights_dtype="bf16", compute_dtype="bf16", amp=False),
    "bf16-mixed": Precision(weights_dtype="fp32", compute_dtype="bf16", amp=True),
    "fp16": Precision(weights_dtype="fp16", compute_dtype="fp16", amp=False),
    "fp16-mixed": Precision(weights_dtype="fp32", compute_dtype="fp16", amp=True),
    "fp32": Precision(weights_dtype="fp32", compute_dtype="fp32", amp=False),
}
"""One word for a precision in YAML; ``-mixed`` keeps fp32 weights and computes under autocast."""
