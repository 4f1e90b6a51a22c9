from typing import Any

import pytest

from planner.errors import UnknownFieldError
from planner.estimator.length import steps_and_tokens


def lasts(make_config: Any, **length: Any) -> tuple[int, float]:
    config = make_config(**{"max_steps": None, **length})
    return steps_and_tokens(config, tokens_per_step=1000.0, fed_tokens=100.0)


def test_max_steps_goes_first(make_config: Any) -> None:
    assert lasts(make_config, max_steps=7, train_tokens=10**9) == (7, 7000.0)


def test_train_tokens_are_rounded_up_to_whole_steps(make_config: Any) -> None:
    assert lasts(make_config, train_tokens=2500) == (3, 2500.0)


def test_epochs_count_the_rows_of_a_dataset(make_config: Any) -> None:
    assert lasts(make_config, epochs=2, dataset={"rows": 50}, batching="padded") == (10, 10_000.0)


def test_packing_counts_the_tokens_of_a_dataset(make_config: Any) -> None:
    assert lasts(make_config, epochs=2, dataset={"rows": 50, "tokens": 4000}) == (8, 8000.0)


def test_packed_rows_with_a_known_mean_hold_their_mean(make_config: Any) -> None:
    assert lasts(make_config, epochs=1, dataset={"rows": 50}, mean_tokens_per_sample=20) == (1, 1000.0)


@pytest.mark.parametrize("length", [{}, {"epochs": 3}, {"epochs": 3, "dataset": {"size_bytes": 10}}])
def test_a_run_without_a_length_is_an_error_that_says_what_to_give(make_config: Any, length: dict[str, Any]) -> None:
    with pytest.raises(UnknownFieldError, match=r"give max_steps, train_tokens, or epochs with dataset\.rows"):
        lasts(make_config, **length)
