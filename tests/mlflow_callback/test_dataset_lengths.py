import random
from typing import Any

import pytest

from planner.mlflow_callback.dataset_lengths import MOST_ROWS, read_lengths


class Rows:
    """A data set whose rows are made when they are asked for."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> dict[str, Any]:
        random.random()  # noqa: S311
        return {"input_ids": [1] * (index % 10 + 1)}


def test_all_rows_of_a_small_set_are_counted() -> None:
    found = read_lengths(Rows(100), cap=8)
    assert found is not None
    summary = found.summary()
    assert (summary.rows_read, summary.is_complete, summary.longest) == (100, True, 8)
    assert summary.mean == pytest.approx((sum(range(1, 9)) + 2 * 8) / 10)
    assert (summary.p50, summary.p10) == (5, 1)


def test_a_large_set_is_read_in_part_and_says_so() -> None:
    found = read_lengths(Rows(1_000_000))
    assert found is not None
    assert found.rows == 1_000_000
    assert found.lengths.rows <= MOST_ROWS
    assert not found.summary().is_complete


def test_reading_draws_no_random_numbers_from_the_training() -> None:
    random.seed(3)
    expected = random.random()  # noqa: S311
    random.seed(3)
    read_lengths(Rows(50))
    assert random.random() == expected  # noqa: S311


@pytest.mark.parametrize("dataset", [None, iter([1]), [], [{"text": "a"}], [(1, 2)]])
def test_streams_and_rows_without_tokens_have_no_lengths(dataset: Any) -> None:
    assert read_lengths(dataset) is None


def test_padding_is_seen_in_the_mask() -> None:
    found = read_lengths([{"input_ids": [1, 0], "attention_mask": [1, 0]}])
    assert found is not None
    assert (found.has_padding, found.are_equal) == (True, True)
