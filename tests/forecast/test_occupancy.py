from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.forecast.occupancy import Floats, Occupancy, book_on_weeks, peak_by_week

Runs = list[tuple[float, float, int]]

BOUNDS_S = np.array([10.0, 20.0, 30.0, 35.0])


def occupancy(*runs: tuple[float, float, float], cost_usd: float | None = None) -> Occupancy:
    """One sample of runs (start, end, accelerators)."""
    start, end, held = (np.array([column], dtype=float) for column in zip(*runs, strict=True))
    present = (held > 0).astype(float)
    cost = None if cost_usd is None else present * cost_usd
    return Occupancy(start, end, present, held, network_bytes=None, cost_usd=cost, stored_bytes=None)


def brute_force_peaks(runs: list[tuple[float, float, int]], bounds_s: Floats) -> list[int]:
    """The level is constant between events: look at every start and every start of a week."""
    peaks = []
    for week_start, week_end in pairwise(bounds_s):
        instants = [week_start, *(start for start, _, _ in runs if week_start <= start < week_end)]
        peaks.append(max(sum(n for start, end, n in runs if start <= instant < end) for instant in instants))
    return peaks


times = st.integers(0, 45).map(float)
some_runs = st.lists(
    st.tuples(times, times, st.integers(0, 9)).map(lambda r: (min(r[:2]), max(r[:2]), r[2])), min_size=1, max_size=12
)


@settings(max_examples=300, deadline=None)
@given(some_runs, some_runs)
def test_the_sweep_finds_the_peaks_that_looking_everywhere_finds(runs: Runs, others: Runs) -> None:
    want = brute_force_peaks(runs + others, BOUNDS_S)
    assert peak_by_week([occupancy(*runs), occupancy(*others)], BOUNDS_S)[0].tolist() == want


@settings(max_examples=100, deadline=None)
@given(st.lists(some_runs.map(lambda r: (r * 12)[:12]), min_size=2, max_size=5))
def test_samples_do_not_mix(samples: list[Runs]) -> None:
    rows = [occupancy(*runs) for runs in samples]
    start_s, end_s, present, held = (
        np.concatenate([getattr(row, name) for row in rows]) for name in ("start_s", "end_s", "runs", "accelerators")
    )
    stacked = Occupancy(start_s, end_s, present, held, network_bytes=None, cost_usd=None, stored_bytes=None)
    got = peak_by_week([stacked], BOUNDS_S)
    assert got.tolist() == [brute_force_peaks(runs, BOUNDS_S) for runs in samples]


@settings(max_examples=200, deadline=None)
@given(some_runs)
def test_hours_of_the_weeks_are_those_inside_them(runs: Runs) -> None:
    booked = book_on_weeks(occupancy(*runs), BOUNDS_S)
    seconds = [
        sum(n for start, end, n in runs for t in range(int(week_start), int(week_end)) if start <= t < end)
        for week_start, week_end in pairwise(BOUNDS_S)
    ]
    assert booked["accelerator_hours"][0] * 3600 == pytest.approx(seconds)


def test_a_run_that_ends_when_another_starts_does_not_overlap_it() -> None:
    assert peak_by_week([occupancy((12, 15, 4), (15, 18, 4))], BOUNDS_S)[0, 0] == 4


def test_a_run_that_ends_at_midnight_is_not_in_the_next_week() -> None:
    assert peak_by_week([occupancy((12, 20, 4))], BOUNDS_S)[0].tolist() == [4, 0, 0]


def test_a_run_counts_in_its_first_week_and_costs_in_all_it_spans() -> None:
    booked = book_on_weeks(occupancy((15, 35, 2), (0, 20, 1), cost_usd=8.0), BOUNDS_S)
    assert booked["runs"][0].tolist() == [1, 0, 0]
    assert booked["cost_usd"][0] == pytest.approx([2 + 4, 4, 2])


def test_a_run_without_length_costs_in_the_week_it_starts() -> None:
    assert book_on_weeks(occupancy((20, 20, 2), cost_usd=8.0), BOUNDS_S)["cost_usd"][0].tolist() == [0, 8, 0]


def test_what_is_unknown_is_not_booked() -> None:
    run = occupancy((12, 15, 4))
    unknown = Occupancy(run.start_s, run.end_s, run.runs, None, None, None, None)
    assert set(book_on_weeks(unknown, BOUNDS_S)) == {"runs"}
    assert peak_by_week([run, unknown], BOUNDS_S)[0].tolist() == [4, 0, 0]
