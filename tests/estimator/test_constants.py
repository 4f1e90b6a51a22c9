from dataclasses import FrozenInstanceError, fields
from typing import get_type_hints

import pytest

from planner.estimator.constants import TIME


@pytest.mark.parametrize("table", [TIME])
def test_every_constant_says_where_it_comes_from(table: object) -> None:
    hints = get_type_hints(type(table), include_extras=True)
    for field in fields(table):  # type: ignore[arg-type]
        assert len(hints[field.name].__metadata__[0]) > 5, field.name


@pytest.mark.parametrize("table", [TIME])
def test_every_constant_is_positive_and_cannot_be_changed(table: object) -> None:
    for field in fields(table):  # type: ignore[arg-type]
        assert getattr(table, field.name) > 0, field.name
        with pytest.raises(FrozenInstanceError):
            setattr(table, field.name, 1.0)
