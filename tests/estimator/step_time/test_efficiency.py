import pytest

from planner.catalog.load import load_catalog
from planner.estimator.step_time.efficiency import (
    FAMILIES,
    attention_flop_per_s,
    family_efficiency,
    matmul_flop_per_s,
    peak_flop_per_s,
    power_ratio,
)

ACCELERATORS = load_catalog().accelerators
H100, T4 = ACCELERATORS["h100-sxm-80gb"], ACCELERATORS["t4-16gb"]


@pytest.mark.parametrize("slug", sorted(ACCELERATORS))
def test_every_accelerator_reaches_a_part_of_its_peak(slug: str) -> None:
    accelerator = ACCELERATORS[slug]
    for dtype in accelerator.peak_flop_per_s:
        assert 0 < matmul_flop_per_s(accelerator, dtype) <= 1.3 * peak_flop_per_s(accelerator, dtype)


def test_every_family_belongs_to_a_catalog_entry() -> None:
    assert set(FAMILIES) <= {slug.split("-")[0] for slug in ACCELERATORS}


def test_an_unmeasured_family_takes_the_shares_of_its_kind() -> None:
    assert family_efficiency("own-card", "gpu") == family_efficiency("rtx9999-96gb", "gpu")


def test_a_dtype_that_is_not_supported_runs_in_the_next_wider_one() -> None:
    assert peak_flop_per_s(T4, "bf16") == T4.peak_flop_per_s["fp16"]
    assert peak_flop_per_s(T4, "fp8") == T4.peak_flop_per_s["fp16"]


def test_half_of_the_power_costs_less_than_half_of_the_speed() -> None:
    assert 0.5 < power_ratio(350.0, 700.0) < 1.0
    assert power_ratio(None, 700.0) == power_ratio(700.0, None) == 1.0


def test_the_vendors_attention_is_faster_than_the_stock_kernel() -> None:
    assert attention_flop_per_s(H100, "bf16", "tuned") > attention_flop_per_s(H100, "bf16", "stock")
    assert attention_flop_per_s(H100, "fp8", "tuned") > attention_flop_per_s(H100, "bf16", "tuned")
