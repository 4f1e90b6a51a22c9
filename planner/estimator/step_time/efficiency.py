"""Share of a data sheet's peak that kernels reach, by family of accelerators."""

from functools import lru_cache

from planner.domain.accelerator import Accelerator, Dtype
from planner.estimator.elementwise import larger, power, smaller
from planner.estimator.hardware import for_each_accelerator
from planner.estimator.throughput_constants import Table, ThroughputConstants

FAMILY: dict[str, str] = {
    "a800": "a100",
    "h200": "h100",
    "h20": "h100",
    "b300": "b200",
    "gb200": "b200",
    "gb300": "b200",
    "mi325x": "mi300x",
    "mi350x": "mi300x",
    "mi355x": "mi300x",
    "l4": "l40s",
    "rtx3090": "rtx4090",
    "rtx4070ti": "rtx4090",
    "rtx6000": "l40s",
    "trn2": "trn1",
}
"""Part of a catalog name before the first dash -> the family measured that has the same matrix units."""

REFERENCE_TDP_W: dict[str, float] = {
    "a100": 400.0,
    "a800": 400.0,
    "h100": 700.0,
    "h200": 700.0,
    "b200": 1000.0,
    "b300": 1000.0,
    "gb200": 1000.0,
    "gb300": 1000.0,
    "mi300x": 750.0,
    "mi325x": 750.0,
    "mi350x": 1000.0,
    "mi355x": 1400.0,
    "l40s": 350.0,
}
"""Power limit that the measured shares belong to."""


@lru_cache(maxsize=1024)
def family_of(slug: str) -> str:
    """The family whose measurements hold for a catalog name."""
    first = slug.split("-", maxsplit=1)[0]
    return FAMILY.get(first, first)


@lru_cache(maxsize=1024)
def reference_tdp_w(slug: str) -> float | None:
    return REFERENCE_TDP_W.get(slug.split("-", maxsplit=1)[0])


def share_of(table: Table, accelerator: Accelerator) -> float:
    """The entry of the accelerator's family, else of its kind."""
    family = family_of(accelerator.slug)
    return table[family] if family in table else table[accelerator.kind]


def power_ratio(accelerator: Accelerator, c: ThroughputConstants) -> float:
    """Clocks follow the power limit: (limit / reference) to a fitted power, within half and one and a half."""
    reference = reference_tdp_w(accelerator.slug)
    if accelerator.tdp_w is None or reference is None:
        return 1.0
    within = smaller(larger(accelerator.tdp_w / reference, 0.5), 1.5)
    return power(within, c.power_exponent)


WIDER: dict[Dtype, tuple[Dtype, ...]] = {
    "fp4": ("fp4", "fp8", "bf16", "fp16", "fp32"),
    "fp8": ("fp8", "bf16", "fp16", "fp32"),
    "bf16": ("bf16", "fp16", "fp32", "tf32"),
    "fp16": ("fp16", "bf16", "fp32", "tf32"),
    "tf32": ("tf32", "fp32", "fp16"),
    "fp32": ("fp32", "tf32", "bf16", "fp16"),
}
"""What a dtype runs in, best first, where the accelerator has no units for it."""


def supported_dtype(accelerator: Accelerator, dtype: Dtype) -> Dtype:
    """``dtype``, or the next wider one that the accelerator has units for."""
    for candidate in WIDER[dtype]:
        if candidate in accelerator.peak_flop_per_s:
            return candidate
    return next(iter(accelerator.peak_flop_per_s))


@for_each_accelerator
def peak_flop_per_s(accelerator: Accelerator, dtype: Dtype) -> float:
    """Dense peak at ``dtype``; where that is not supported, the peak of the next wider dtype that is."""
    return accelerator.peak_flop_per_s[supported_dtype(accelerator, dtype)]


@for_each_accelerator
def matmul_flop_per_s(accelerator: Accelerator, dtype: Dtype, c: ThroughputConstants) -> float:
    """Rate of large matrix products."""
    runs_in = supported_dtype(accelerator, dtype)
    clocks = power_ratio(accelerator, c)
    if runs_in == "fp32" and accelerator.kind == "gpu":
        return accelerator.peak_flop_per_s[runs_in] * c.fp32_matmul_ratio * smaller(clocks, 1.0)
    share = share_of(c.matmul_ratio, accelerator)
    if accelerator.kind != "cpu":
        share *= c.matmul_scale_ratio
    if runs_in in ("fp8", "fp4"):
        share *= share_of(c.fp8_matmul_ratio, accelerator) * c.fp8_scale_ratio
    if runs_in == "fp4":
        share *= c.fp4_matmul_ratio
    return accelerator.peak_flop_per_s[runs_in] * share * clocks


A100_PEAK_FLOP_PER_S = 312e12
"""16-bit peak of the card on which the attention kernels of open code were first tuned."""


@for_each_accelerator
def flash_attention_flop_per_s(accelerator: Accelerator, dtype: Dtype, c: ThroughputConstants) -> float:
    """Rate of the kernels of open code: they follow a peak above an A100's only in part."""
    peak = peak_flop_per_s(accelerator, dtype)
    beyond = power(larger(peak / A100_PEAK_FLOP_PER_S, 1.0), c.flash_attention_exponent)
    share = c.flash_attention_ratio * c.flash_attention_vendor_ratio.get(accelerator.vendor, 1.0)
    return smaller(peak, A100_PEAK_FLOP_PER_S) * beyond * share * power_ratio(accelerator, c)


@for_each_accelerator
def tuned_attention_flop_per_s(accelerator: Accelerator, dtype: Dtype, c: ThroughputConstants) -> float:
    """Rate of the vendor's own kernels, a share of the peak."""
    table = c.tuned_attention_ratio
    share = table.get(accelerator.vendor, table["other"])
    return peak_flop_per_s(accelerator, dtype) * share * power_ratio(accelerator, c)
