from typing import Any

import pytest

from planner.estimator.memory.host import host_bytes
from planner.estimator.memory.timeline import build_timeline


def test_a_cpu_run_holds_its_tensors_beside_the_libraries(make_workload: Any) -> None:
    run = make_workload(model="qwen2-0.5b", accelerator="cpu-1core", precision="fp32")
    timeline = build_timeline(run)
    assert host_bytes(run, timeline) == pytest.approx(0.9e9 + timeline.peak_bytes)


def test_a_host_holds_a_process_a_device_and_the_weights_it_reads(make_workload: Any) -> None:
    one, eight = make_workload(), make_workload(count=8)
    more = host_bytes(eight, build_timeline(eight)) - host_bytes(one, build_timeline(one))
    assert more == pytest.approx(7 * 4e9)


def test_offloading_moves_states_to_the_host(make_workload: Any) -> None:
    plain = make_workload(method="full", count=4, parallelism={"zero_stage": 2})
    offloaded = make_workload(method="full", count=4, parallelism={"zero_stage": 2, "cpu_offload": True})
    moved = host_bytes(offloaded, build_timeline(offloaded)) - host_bytes(plain, build_timeline(plain))
    assert moved == pytest.approx((4 + 2) * plain.params.total)


def test_offloaded_checkpoints_move_to_the_host(make_workload: Any) -> None:
    plain, offloaded = make_workload(), make_workload(activation_checkpointing="offloaded")
    moved = host_bytes(offloaded, build_timeline(offloaded)) - host_bytes(plain, build_timeline(plain))
    assert moved == pytest.approx(2 * 2048 * 32 * 2 * 4096)
