from typing import Any

import pytest

from planner.estimator.step_time.attention import attention_s


def test_attention_grows_with_the_square_of_the_sequence(make_workload: Any) -> None:
    short, long = make_workload(seq_len=2048), make_workload(seq_len=4096)
    assert attention_s(long, 8192.0) == pytest.approx(2 * attention_s(short, 8192.0))


def test_recompute_repeats_the_forward_pass(make_workload: Any) -> None:
    with_it, without = make_workload(), make_workload(activation_checkpointing="none")
    assert attention_s(with_it, 4096.0) / attention_s(without, 4096.0) == pytest.approx(4.9 / 3.9)


def test_eager_attention_moves_its_scores_too(make_workload: Any) -> None:
    assert attention_s(make_workload(attention="eager"), 4096.0) > 2 * attention_s(make_workload(), 4096.0)
