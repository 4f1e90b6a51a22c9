"""In how many bytes a run keeps what it trains."""

from functools import lru_cache
from typing import NamedTuple

from planner.domain.precision import Precision
from planner.estimator.software import SoftwareClass
from planner.estimator.stored_formats import DTYPE_BYTES


class TrainedBytes(NamedTuple):
    """Bytes of a trained weight, of its gradient, and of an extra fp32 master copy."""

    weight: float
    gradient: float
    master: float


@lru_cache(maxsize=1024)
def trained_bytes(
    precision: Precision,
    *,
    trains_base: bool,
    is_sharded: bool,
    software: SoftwareClass | None,
    keeps_adapter_fp32: bool,
) -> TrainedBytes:
    """FSDP with autocast keeps trained weights as fp32 shards; vendor-tuned software adds fp32 masters and sums
    gradients in fp32; libraries of adapters keep the adapter in fp32 unless told otherwise.

    Source: which dtypes the libraries choose; confirmed by bytes a parameter after a step (fms-acceleration).
    """
    weight = DTYPE_BYTES[precision.weights_dtype]
    if not trains_base:
        default = 4.0 if keeps_adapter_fp32 else max(DTYPE_BYTES[precision.compute_dtype], 2.0)
        weight = default if precision.adapter_dtype is None else DTYPE_BYTES[precision.adapter_dtype]
    if is_sharded and precision.amp:
        weight = 4.0
    weight = max(weight, 2.0)
    if software == "tuned" and weight < 4.0:
        return TrainedBytes(weight, 4.0, 4.0)
    return TrainedBytes(weight, weight, 0.0)
