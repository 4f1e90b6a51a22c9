from dataclasses import FrozenInstanceError, fields

import pytest

from planner.estimator.throughput_constants import THROUGHPUT, ThroughputConstants, constants_from, read_constants


def test_the_table_and_the_fields_name_the_same_constants() -> None:
    rows = read_constants()
    assert len({row.name for row in rows}) == len(rows)
    assert {row.name.partition(".")[0] for row in rows} == {field.name for field in fields(ThroughputConstants)}
    assert constants_from({row.name: row.value for row in rows}) == THROUGHPUT


def test_every_constant_is_positive_near_its_prior_and_says_what_it_is() -> None:
    for row in read_constants():
        assert row.value > 0
        assert len(row.what) > 20, row.name
        if row.prior_log_sd:
            assert abs(row.value / row.prior - 1.0) < 6 * row.prior_log_sd, row.name
        else:
            assert row.value == row.prior, row.name


def test_constants_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        THROUGHPUT.bandwidth_ratio = 1.0  # type: ignore[misc]
