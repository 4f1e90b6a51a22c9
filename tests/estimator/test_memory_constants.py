from dataclasses import FrozenInstanceError, fields

import pytest

from planner.estimator.memory_constants import MEMORY, read_constants


def test_the_table_and_the_constants_have_the_same_names() -> None:
    assert [row.name for row in read_constants()] == [field.name for field in fields(MEMORY)]


def test_every_constant_is_positive_and_says_where_it_comes_from() -> None:
    for row in read_constants():
        assert row.value > 0
        assert row.prior > 0
        assert len(row.what) > 5


def test_fitted_constants_stay_within_reach_of_their_priors() -> None:
    for row in read_constants():
        if row.prior_log_sd == 0:
            assert row.value == row.prior


def test_constants_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        MEMORY.context_bytes = 1.0  # type: ignore[misc]
