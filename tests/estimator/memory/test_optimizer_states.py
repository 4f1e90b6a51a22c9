from typing import Any

import pytest

from planner.estimator.memory.optimizer_states import states_bytes, step_temporaries_bytes


@pytest.mark.parametrize(
    ("optimizer", "states", "temporaries"),
    [
        ("adamw", 4.0, 2.0),
        ("adamw_fused", 4.0, 0.0),
        ("adamw_8bit", 2.03, 0.0),
        ("paged_adamw_32bit", 8.0, 0.0),
        ("lion", 2.0, 0.0),
        ("sgd", 0.0, 0.0),
    ],
)
def test_bytes_a_bf16_parameter(make_workload: Any, optimizer: str, states: float, temporaries: float) -> None:
    run = make_workload(method="full", optimizer=optimizer)
    assert states_bytes(run, 1.0) == pytest.approx(states)
    assert step_temporaries_bytes(run, 1.0) == temporaries


def test_fp32_masters_of_tuned_software_are_states(make_workload: Any) -> None:
    assert states_bytes(make_workload(method="full", framework="megatron-lm"), 1.0) == 4.0 + 8.0


def test_states_are_divided_from_zero_1_on(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"zero_stage": 1})
    assert states_bytes(run, 1.0) == 1.0


def test_offloaded_states_leave_the_device(make_workload: Any) -> None:
    assert states_bytes(make_workload(method="full", parallelism={"cpu_offload": True}), 1.0) == 0.0
