import pytest

from planner.catalog.load import load_catalog
from planner.estimator.step_time.efficiency import (
    FAMILY,
    REFERENCE_TDP_W,
    flash_attention_flop_per_s,
    matmul_flop_per_s,
    peak_flop_per_s,
    power_ratio,
    share_of,
    tuned_attention_flop_per_s,
)
from planner.estimator.throughput_constants import THROUGHPUT as C

ACCELERATORS = load_catalog().accelerators
A100, H100, T4 = ACCELERATORS["a100-80gb"], ACCELERATORS["h100-sxm-80gb"], ACCELERATORS["t4-16gb"]


@pytest.mark.parametrize("slug", sorted(ACCELERATORS))
def test_every_accelerator_reaches_a_part_of_its_peak(slug: str) -> None:
    accelerator = ACCELERATORS[slug]
    for dtype in accelerator.peak_flop_per_s:
        assert 0 < matmul_flop_per_s(accelerator, dtype, C) <= peak_flop_per_s(accelerator, dtype)
        assert 0 < flash_attention_flop_per_s(accelerator, dtype, C) <= peak_flop_per_s(accelerator, dtype)


def test_every_family_belongs_to_a_catalog_entry() -> None:
    known = {slug.split("-")[0] for slug in ACCELERATORS}
    assert set(FAMILY) | set(REFERENCE_TDP_W) <= known
    assert {family for family in C.matmul_ratio if family not in ("gpu", "npu", "cpu")} <= known


def test_an_unmeasured_family_takes_the_share_of_its_kind() -> None:
    own = H100.model_copy(update={"slug": "own-card"})
    assert share_of(C.matmul_ratio, own) == C.matmul_ratio["gpu"]


def test_a_dtype_that_is_not_supported_runs_in_the_next_wider_one() -> None:
    assert peak_flop_per_s(T4, "bf16") == T4.peak_flop_per_s["fp16"]
    assert peak_flop_per_s(T4, "fp8") == T4.peak_flop_per_s["fp16"]


def test_half_of_the_power_costs_less_than_half_of_the_speed() -> None:
    half = H100.model_copy(update={"tdp_w": 350.0})
    assert 0.5 < power_ratio(half, C) < power_ratio(H100, C) == 1.0
    assert power_ratio(T4, C) == 1.0


def test_kernels_of_open_code_gain_less_from_a_larger_peak_than_the_vendors() -> None:
    gains = [
        rate(H100, "bf16", C) / rate(A100, "bf16", C)
        for rate in (flash_attention_flop_per_s, tuned_attention_flop_per_s)
    ]
    assert 1.0 < gains[0] < gains[1]
