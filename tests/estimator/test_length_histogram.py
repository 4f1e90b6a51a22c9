"""Lengths of samples against plain lists."""

import statistics
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.estimator.length_histogram import EXACT_UP_TO, LengthHistogram, best_fit_bins

LENGTHS = st.lists(st.integers(0, 300), min_size=1, max_size=60)


def histogram(lengths: list[int]) -> LengthHistogram:
    found = LengthHistogram()
    for length in lengths:
        found.add(length)
    return found


@given(LENGTHS)
def test_it_counts_as_a_list_would(lengths: list[int]) -> None:
    found = histogram(lengths)
    assert (found.rows, found.total, found.longest) == (len(lengths), sum(lengths), max(lengths))
    assert found.mean == pytest.approx(statistics.fmean(lengths))
    for q in (0.1, 0.5, 0.9, 1.0):
        value = found.quantile(q)
        assert sum(length <= value for length in lengths) >= q * len(lengths) - 1e-9
        assert value == 0 or sum(length < value for length in lengths) < q * len(lengths)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 3), st.integers(5, 50))
def test_the_mean_longest_of_a_batch_is_that_of_every_possible_batch(
    lengths: list[int], batch_size: int, seq_len: int
) -> None:
    cut = [min(length, seq_len) for length in lengths]
    every = [max(batch) for batch in product(cut, repeat=batch_size)]
    assert histogram(lengths).mean_longest_of(batch_size, seq_len) == pytest.approx(statistics.fmean(every))


@given(LENGTHS, st.integers(1, 300))
def test_larger_batches_waste_more_and_no_share_leaves_its_range(lengths: list[int], seq_len: int) -> None:
    found = histogram(lengths)
    wastes = [found.padding_ratio(batch, seq_len) for batch in (1, 2, 8, 64)]
    assert wastes == sorted(wastes)
    assert wastes[0] == pytest.approx(0.0)
    assert 0.0 <= found.cut_ratio(seq_len) <= 1.0
    assert 0.0 <= found.packing_ratio(seq_len) <= 1.0


@given(st.lists(st.integers(1, 20), min_size=1, max_size=40))
def test_best_fit_is_the_textbook_algorithm(pieces: list[int]) -> None:
    pieces = sorted(pieces, reverse=True)
    bins: list[int] = []
    for piece in pieces:
        rooms = [(room, place) for place, room in enumerate(bins) if room >= piece]
        if rooms:
            bins[min(rooms)[1]] -= piece
        else:
            bins.append(20 - piece)
    assert best_fit_bins(pieces, 20) == len(bins)


def test_long_samples_stay_within_one_percent_and_the_total_exact() -> None:
    found = histogram([EXACT_UP_TO * 3 + 7] * 10)
    assert found.total == 10 * (EXACT_UP_TO * 3 + 7)
    assert found.quantile(0.5) == pytest.approx(EXACT_UP_TO * 3, rel=0.01)
