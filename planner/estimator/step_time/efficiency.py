"""Share of a data sheet's peak that kernels reach, by family of accelerators."""

import math
from functools import lru_cache
from typing import NamedTuple

from planner.domain.accelerator import Accelerator, Dtype
from planner.estimator.constants import TIME
from planner.estimator.software import SoftwareClass


class FamilyEfficiency(NamedTuple):
    """Shares of the dense peak for large shapes."""

    matmul_16bit: float
    matmul_fp8: float
    flash_attention: float
    """Of the 16-bit peak, for the attention kernel of stock software."""
    tuned_attention: float
    """The same for the vendor's kernels."""
    reference_tdp_w: float | None
    """Power limit at which the shares were measured."""


FAMILIES: dict[str, FamilyEfficiency] = {
    "a100": FamilyEfficiency(0.88, 0.88, 0.37, 0.45, 400.0),
    "a800": FamilyEfficiency(0.88, 0.88, 0.37, 0.45, 400.0),
    "h100": FamilyEfficiency(0.78, 0.60, 0.195, 0.53, 700.0),
    "h200": FamilyEfficiency(0.78, 0.60, 0.195, 0.53, 700.0),
    "b200": FamilyEfficiency(0.64, 0.49, 0.09, 0.53, 1000.0),
    "b300": FamilyEfficiency(0.64, 0.49, 0.09, 0.53, 1000.0),
    "gb200": FamilyEfficiency(0.64, 0.49, 0.09, 0.53, 1200.0),
    "gb300": FamilyEfficiency(0.64, 0.49, 0.09, 0.53, 1400.0),
    "mi300x": FamilyEfficiency(0.48, 0.36, 0.10, 0.40, 750.0),
    "mi325x": FamilyEfficiency(0.48, 0.36, 0.10, 0.40, 750.0),
    "mi350x": FamilyEfficiency(0.48, 0.36, 0.10, 0.40, 1000.0),
    "mi355x": FamilyEfficiency(0.48, 0.36, 0.10, 0.40, 1000.0),
    "l40s": FamilyEfficiency(0.85, 0.65, 0.40, 0.45, 350.0),
}
"""Fitted on published runs; B300, GB200, MI350 and the L40S's attention are taken from the nearest family measured."""

BY_KIND: dict[str, FamilyEfficiency] = {
    "gpu": FamilyEfficiency(0.70, 0.60, 0.35, 0.45, None),
    "tpu": FamilyEfficiency(0.65, 0.55, 0.35, 0.45, None),
    "npu": FamilyEfficiency(0.55, 0.45, 0.30, 0.35, None),
    "cpu": FamilyEfficiency(0.80, 0.80, 0.35, 0.35, None),
}
"""For families without a measurement: assumed; CPU: measured on small runs on one core."""


@lru_cache(maxsize=1024)
def family_efficiency(slug: str, kind: str) -> FamilyEfficiency:
    """Of the family that a catalog name starts with, else of the kind of accelerator."""
    return FAMILIES.get(slug.split("-", maxsplit=1)[0], BY_KIND[kind])


def power_ratio(tdp_w: float | None, reference_tdp_w: float | None) -> float:
    """Clocks follow the power limit: (limit / reference) to a fitted power, within half and one and a half."""
    if tdp_w is None or reference_tdp_w is None:
        return 1.0
    within: float = min(max(tdp_w / reference_tdp_w, 0.5), 1.5)
    return math.pow(within, TIME.power_exponent)


WIDER: dict[Dtype, tuple[Dtype, ...]] = {
    "fp4": ("fp4", "fp8", "bf16", "fp16", "fp32"),
    "fp8": ("fp8", "bf16", "fp16", "fp32"),
    "bf16": ("bf16", "fp16", "fp32", "tf32"),
    "fp16": ("fp16", "bf16", "fp32", "tf32"),
    "tf32": ("tf32", "fp32", "fp16"),
    "fp32": ("fp32", "tf32", "bf16", "fp16"),
}
"""What a dtype runs in, best first, where the accelerator has no units for it."""


def peak_flop_per_s(accelerator: Accelerator, dtype: Dtype) -> float:
    """Dense peak at ``dtype``; where that is not supported, the peak of the next wider dtype that is."""
    for candidate in WIDER[dtype]:
        if candidate in accelerator.peak_flop_per_s:
            return accelerator.peak_flop_per_s[candidate]
    return max(accelerator.peak_flop_per_s.values())


def matmul_flop_per_s(accelerator: Accelerator, dtype: Dtype) -> float:
    """Rate of large matrix products."""
    family = family_efficiency(accelerator.slug, accelerator.kind)
    share = family.matmul_fp8 if dtype in ("fp8", "fp4") else family.matmul_16bit
    return peak_flop_per_s(accelerator, dtype) * share * power_ratio(accelerator.tdp_w, family.reference_tdp_w)


def attention_flop_per_s(accelerator: Accelerator, dtype: Dtype, software: SoftwareClass | None) -> float:
    """Rate of fused attention; scores are computed in 16 bit (32 for fp32) whatever the matrices use."""
    family = family_efficiency(accelerator.slug, accelerator.kind)
    share = family.tuned_attention if software == "tuned" else family.flash_attention
    peak = peak_flop_per_s(accelerator, "bf16" if dtype in ("fp8", "fp4") else dtype)
    rate = peak * share * power_ratio(accelerator.tdp_w, family.reference_tdp_w)
    return rate * TIME.fp8_attention_ratio if software == "tuned" and dtype in ("fp8", "fp4") else rate
