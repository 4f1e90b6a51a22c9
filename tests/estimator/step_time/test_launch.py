from typing import Any

import pytest

from planner.estimator.step_time.launch import launch_s, pass_operations, step_operations


def test_each_adapted_module_launches_more(make_workload: Any) -> None:
    none, seven = make_workload(method="full"), make_workload()
    assert pass_operations(seven) - pass_operations(none) == 4 * 7 * 32 * 4


def test_compiled_software_launches_less(make_workload: Any) -> None:
    eager, compiled = make_workload(), make_workload(framework="torchtitan")
    assert launch_s(compiled, 900.0) == pytest.approx(launch_s(eager, 900.0) / 3)


def test_full_fine_tuning_steps_every_tensor(make_workload: Any) -> None:
    assert step_operations(make_workload(method="full")) == 2 * (4 + 3 + 2) * 32
