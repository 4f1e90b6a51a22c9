from typing import Any

import pytest

from planner.domain.precision import PRECISIONS, Precision
from planner.estimator.trained_dtypes import TrainedBytes, trained_bytes

AUTOCAST = Precision(weights_dtype="bf16", compute_dtype="bf16", amp=True)


def held(precision: Precision, **changed: Any) -> TrainedBytes:
    facts: dict[str, Any] = {
        "trains_base": True,
        "is_sharded": False,
        "software": "stock",
        "keeps_adapter_fp32": True,
        **changed,
    }
    return trained_bytes(precision, **facts)


def test_pure_16_bit_trains_in_16_bit() -> None:
    assert held(PRECISIONS["bf16"]) == (2.0, 2.0, 0.0)


def test_autocast_over_fp32_trains_fp32() -> None:
    assert held(PRECISIONS["bf16-mixed"]) == (4.0, 4.0, 0.0)


@pytest.mark.parametrize(("is_sharded", "weight"), [(True, 4.0), (False, 2.0)])
def test_sharded_autocast_upcasts_the_trained_shards(is_sharded: bool, weight: float) -> None:
    assert held(AUTOCAST, is_sharded=is_sharded).weight == weight


def test_tuned_software_adds_masters_and_sums_in_fp32() -> None:
    assert held(PRECISIONS["bf16"], software="tuned") == (2.0, 4.0, 4.0)


@pytest.mark.parametrize(("keeps", "weight"), [(True, 4.0), (False, 2.0)])
def test_an_adapter_is_fp32_where_its_library_makes_it_so(keeps: bool, weight: float) -> None:
    assert held(PRECISIONS["bf16"], trains_base=False, keeps_adapter_fp32=keeps).weight == weight


def test_a_stated_dtype_of_the_adapter_goes_before_the_default() -> None:
    stated = PRECISIONS["bf16"].model_copy(update={"adapter_dtype": "bf16"})
    assert held(stated, trains_base=False).weight == 2.0
