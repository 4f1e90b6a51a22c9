from typing import Any

import pytest

from planner.estimator.step_time.launch import launch_s, pass_operations, step_operations
from planner.estimator.step_time.recompute import EVERYTHING
from planner.estimator.throughput_constants import THROUGHPUT as C


def test_each_adapted_module_launches_more(make_workload: Any) -> None:
    none, seven = make_workload(method="full"), make_workload()
    more = pass_operations(seven, EVERYTHING, C) - pass_operations(none, EVERYTHING, C)
    assert more == pytest.approx(C.ops_per_adapter * 7 * 32 * 4)


def test_compiled_software_launches_less(make_workload: Any) -> None:
    eager, compiled = make_workload(), make_workload(compiler="torch_compile")
    assert launch_s(compiled, 900.0, C) == pytest.approx(launch_s(eager, 900.0, C) * C.launch_class_ratio["compiled"])


def test_full_fine_tuning_steps_every_tensor(make_workload: Any) -> None:
    assert step_operations(make_workload(method="full"), C) == C.ops_per_optimizer_tensor * (4 + 3 + 2) * 32


def test_zero_3_fetches_every_tensor_even_on_one_device(make_workload: Any) -> None:
    whole, divided = (make_workload(method="full", parallelism={"zero_stage": stage}) for stage in (0, 3))
    more = pass_operations(divided, EVERYTHING, C) - pass_operations(whole, EVERYTHING, C)
    assert more == pytest.approx(C.ops_per_gathered_tensor * (4 + 3 + 2) * 32 * 4)
