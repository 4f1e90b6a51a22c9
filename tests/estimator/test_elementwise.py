import math
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest

from planner.estimator import elementwise as each

VALUES = np.array([0.25, 1.0, 2.5, 3.5, 7.0])


@pytest.mark.parametrize("name", ["ceil", "exp", "expm1", "log", "log2", "sqrt", "erfc", "rounded"])
def test_a_function_of_an_array_is_that_of_its_elements(name: str) -> None:
    function: Any = getattr(each, name)
    assert function(VALUES).tolist() == pytest.approx([function(value) for value in VALUES.tolist()], rel=1e-15)


@pytest.mark.parametrize("name", ["larger", "smaller", "hypot", "power"])
def test_a_function_of_two_arrays_goes_pair_by_pair(name: str) -> None:
    function: Any = getattr(each, name)
    pairs = zip(VALUES.tolist(), VALUES[::-1].tolist(), strict=True)
    assert function(VALUES, VALUES[::-1]).tolist() == pytest.approx([function(*pair) for pair in pairs], rel=1e-15)
    assert function(VALUES, 2.0).tolist() == pytest.approx([function(v, 2.0) for v in VALUES.tolist()], rel=1e-15)


def test_plain_numbers_keep_their_type() -> None:
    assert (each.larger(1, 2), each.smaller(2.0, 1.0), each.largest([1, 3, 2])) == (2, 1.0, 3)
    assert (each.ceil(1.2), each.rounded(2.5), each.rounded(0.1234, 2)) == (2, 2, 0.12)
    assert each.erfc(1.0) == math.erfc(1.0)


class Both(NamedTuple):
    held: dict[str, float]
    total: Any


def test_a_choice_goes_through_dicts_and_named_tuples_and_takes_absent_values_as_nothing() -> None:
    is_first: Any = np.array([True, False])
    chosen: Any = each.where(is_first, Both({"a": 1.0}, 2.0), Both({"b": 3.0}, np.array([4.0, 5.0])))
    assert {name: held.tolist() for name, held in chosen.held.items()} == {"a": [1.0, 0.0], "b": [0.0, 3.0]}
    assert chosen.total.tolist() == [2.0, 5.0]
    assert each.where(True, "yes", "no") == "yes"


def test_conditions_of_arrays_hold_always_or_sometimes() -> None:
    mixed: Any = np.array([True, False])
    assert (each.always(mixed), each.sometimes(mixed)) == (False, True)
    assert (each.always(True), each.sometimes(False)) == (True, False)


def test_arrays_pass_by_what_is_remembered_for_numbers() -> None:
    calls = []

    @each.cached_for_numbers
    def double(value: Any) -> Any:
        calls.append(value)
        return 2 * value

    assert [double(3), double(3)] == [6, 6]
    assert len(calls) == 1
    assert double(VALUES).tolist() == (2 * VALUES).tolist()


def test_one_estimate_never_loads_numpy() -> None:
    script = (
        "import sys\n"
        "from planner.catalog.load import load_catalog\n"
        "from planner.domain.run_config import RunConfig\n"
        "from planner.estimator.estimate_run import estimate_run\n"
        "fields = dict(model='llama-3.1-8b', method='full', seq_len=512, micro_batch_size=1, max_steps=9,\n"
        "              cluster=dict(accelerator='a100-80gb', count=16), parallelism=dict(tp=2, zero_stage=None))\n"
        "estimate_run(RunConfig.model_validate(fields, context=dict(catalog=load_catalog())), load_catalog().prices)\n"
        "print('numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
