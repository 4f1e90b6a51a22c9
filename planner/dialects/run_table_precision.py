"""The dtypes of a row of a run table."""

from dataclasses import dataclass

from planner.dialects.run_table_cells import Cells
from planner.dialects.run_table_method import BASES
from planner.domain.accelerator import Dtype
from planner.domain.precision import Precision

DTYPES: dict[str, Dtype] = {"fp32": "fp32", "bf16": "bf16", "fp16": "fp16", "fp8": "fp8", "fp4": "fp4"}
COMPUTE: dict[str, Dtype | None] = {**DTYPES, "tf32": "tf32", "int8": None}
QUANTISED = {**dict.fromkeys(BASES, None), **DTYPES}
"""For a quantised base the column names its format, which is the base's; for others the dtype."""


@dataclass(frozen=True)
class Dtypes:
    """What is known of a row's numbers."""

    precision: Precision | None
    activation_dtype: Dtype | None
    speed_is_unknown: str | None


def read_precision(cells: Cells, *, trains_base: bool) -> Dtypes:
    """Precision of the row; None where neither the held nor the computed dtype says enough.

    Weights beside a quantised base (norms, embeddings) are held in the dtype that is computed in, at least 16 bit.
    """
    compute = cells.word("compute_dtype", COMPUTE)
    adapter, amp = cells.word("adapter_dtype", DTYPES), cells.flag("amp")
    held = cells.word("param_dtype", QUANTISED)
    is_quantised = not trains_base and cells.text("base_quant") not in (None, "none")
    if is_quantised:
        held = compute if compute in ("bf16", "fp16", "fp32") else "bf16"
    if compute is None and held in ("bf16", "fp16") and not is_quantised:
        compute = held
    if held is None and compute in ("fp8", "fp4"):
        held = "bf16"
    precision = None
    if held is not None and compute is not None:
        is_amp = amp if amp is not None else held == "fp32" and compute != "fp32"
        precision = Precision(weights_dtype=held, compute_dtype=compute, amp=is_amp, adapter_dtype=adapter)
    int8 = cells.text("compute_dtype") == "int8"
    return Dtypes(
        precision=precision,
        activation_dtype=cells.word("activation_dtype", DTYPES),
        speed_is_unknown="compute_dtype int8: the speed of training in 8-bit integers is not modelled"
        if int8
        else None,
    )
