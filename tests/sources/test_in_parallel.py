from collections.abc import Iterator

import pytest

from planner.sources.in_parallel import in_parallel


def test_one_iterator_keeps_its_order() -> None:
    assert list(in_parallel([iter(range(100))])) == list(range(100))


def test_items_of_all_iterators_come_once() -> None:
    assert sorted(in_parallel([iter(range(0, 50)), iter(()), iter(range(50, 60))])) == list(range(60))
    assert list(in_parallel([])) == []


def test_what_an_iterator_raises_is_raised() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("store gone")

    with pytest.raises(ValueError, match="store gone"):
        list(in_parallel([broken()]))
