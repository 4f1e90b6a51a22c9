from typing import Any

import pytest

from planner.estimator.memory.gradients import bucket_bytes, gradients_bytes

RANKS = 4


@pytest.mark.parametrize(("stage", "shares"), [(0, 1), (1, 1), (2, RANKS), (3, RANKS)])
def test_gradients_are_divided_from_zero_2_on(make_workload: Any, stage: int, shares: int) -> None:
    run = make_workload(method="full", count=RANKS, parallelism={"zero_stage": stage})
    assert gradients_bytes(run, 100.0) == 200.0 / shares


def test_tuned_software_sums_gradients_in_fp32(make_workload: Any) -> None:
    assert gradients_bytes(make_workload(method="full", framework="megatron-lm"), 100.0) == 400.0


def test_ddp_holds_a_second_copy_of_the_gradients(make_workload: Any) -> None:
    assert bucket_bytes(make_workload(method="full", count=RANKS), 100.0) == 200.0


@pytest.mark.parametrize(
    "changed", [{"count": 1}, {"count": 4, "parallelism": {"zero_stage": 3}}, {"framework": "nemo"}]
)
def test_no_second_copy_on_one_device_when_sharded_or_tuned(make_workload: Any, changed: dict[str, Any]) -> None:
    assert bucket_bytes(make_workload(method="full", **changed), 100.0) == 0.0
