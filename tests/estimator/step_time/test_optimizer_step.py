from typing import Any

import pytest

from planner.estimator.step_time.optimizer_step import offload_pass_s, offload_step_s, optimizer_step_s
from planner.estimator.throughput_constants import THROUGHPUT as C


def test_a_fused_step_touches_each_tensor_once(make_workload: Any) -> None:
    run = make_workload(method="full", optimizer="adamw_fused")
    read_and_written = 2 + 2 + 2 + (2 + 2) * 2
    by_hand = run.params.total * read_and_written / (C.bandwidth_ratio * 2039e9)
    assert optimizer_step_s(run, C) == pytest.approx(by_hand)


def test_an_unfused_step_is_slower(make_workload: Any) -> None:
    fused = optimizer_step_s(make_workload(method="full", optimizer="adamw_fused"), C)
    assert optimizer_step_s(make_workload(method="full"), C) == pytest.approx(C.optimizer_unfused_ratio * fused)


def test_an_adapter_steps_in_almost_no_time(make_workload: Any) -> None:
    assert optimizer_step_s(make_workload(), C) < 0.02 * optimizer_step_s(make_workload(method="full"), C)


def test_ranks_share_the_step_from_zero_1_on(make_workload: Any) -> None:
    whole = optimizer_step_s(make_workload(method="full", count=4), C)
    shared = optimizer_step_s(make_workload(method="full", count=4, parallelism={"zero_stage": 1}), C)
    assert shared == pytest.approx(whole / 4)


def test_an_offloaded_step_runs_in_the_memory_of_the_host(make_workload: Any) -> None:
    parallelism = {"zero_stage": 3, "cpu_offload": True}
    run = make_workload(method="full", count=8, optimizer="adamw_fused", parallelism=parallelism)
    inside = make_workload(method="full", count=8, optimizer="adamw_fused", parallelism={"zero_stage": 3})
    host_share = C.host_memory_bytes_per_s / 8
    device = C.bandwidth_ratio * 2039e9
    assert optimizer_step_s(run, C) == pytest.approx(optimizer_step_s(inside, C) * device / host_share)


def test_offload_moves_gradients_down_and_weights_up(make_workload: Any) -> None:
    run = make_workload(method="full", count=8, parallelism={"zero_stage": 3, "cpu_offload": True})
    share = run.params.total / 8
    assert offload_step_s(run, C) == pytest.approx(share * (run.gradient_bytes + 2) / C.host_link_bytes_per_s)
    assert offload_pass_s(run, C) == pytest.approx(2 * 2 * share / C.host_link_bytes_per_s, rel=1e-3)
    assert offload_pass_s(make_workload(), C) == offload_step_s(make_workload(), C) == 0.0
