from typing import Any

import pytest

from planner.estimator.step_time.optimizer_step import optimizer_step_s


def test_a_fused_step_touches_each_tensor_once(make_workload: Any) -> None:
    run = make_workload(method="full", optimizer="adamw_fused")
    read_and_written = 2 + 2 + 2 + (2 + 2) * 2
    assert optimizer_step_s(run) == pytest.approx(run.params.total * read_and_written / (0.78 * 2039e9))


def test_an_unfused_step_is_slower(make_workload: Any) -> None:
    fused = optimizer_step_s(make_workload(method="full", optimizer="adamw_fused"))
    assert optimizer_step_s(make_workload(method="full")) == pytest.approx(1.85 * fused)


def test_an_adapter_steps_in_almost_no_time(make_workload: Any) -> None:
    assert optimizer_step_s(make_workload()) < 0.02 * optimizer_step_s(make_workload(method="full"))


def test_ranks_share_the_step_from_zero_1_on(make_workload: Any) -> None:
    whole = optimizer_step_s(make_workload(method="full", count=4))
    shared = optimizer_step_s(make_workload(method="full", count=4, parallelism={"zero_stage": 1}))
    assert shared == pytest.approx(whole / 4)


def test_an_offloaded_step_is_bound_by_the_link_to_the_host(make_workload: Any) -> None:
    offloaded = make_workload(method="full", parallelism={"cpu_offload": True})
    assert optimizer_step_s(offloaded) > 10 * optimizer_step_s(make_workload(method="full"))
