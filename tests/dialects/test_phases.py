import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.dialects.facts import MetricHistory
from planner.dialects.phases import Events, Phases, pieces_of, split, steady_step_time_s

START_MS = 1_790_000_000_000


def history_of(durations_s: list[float], *, start_up_s: float = 0.0, every: int = 1) -> MetricHistory:
    """Points after each ``every``-th of steps that took so long, whatever happened in them."""
    at_s, points = start_up_s, []
    for step, seconds in enumerate(durations_s, start=1):
        at_s += seconds
        if step % every == 0:
            points.append((step, START_MS + round(at_s * 1000)))
    steps, times = zip(*points, strict=True)
    return MetricHistory(steps, times, (None,) * len(steps))


def phases_of(history: MetricHistory, events: Events, *, tail_s: float = 0.0, loop_end: int | None = None) -> Phases:
    end_ms = history.timestamps_ms[-1] + round(tail_s * 1000)
    found = split(
        history,
        events,
        started_ms=START_MS,
        ended_ms=end_ms,
        loop_end=None if loop_end is None else (loop_end, end_ms),
    )
    assert found is not None
    return found


def total_s(found: Phases) -> float:
    return (
        found.start_up_s
        + found.steady_s
        + found.evaluation_s
        + found.checkpoint_s
        + found.stalled_s
        + found.tail_s
    )  # fmt: skip


def test_an_undisturbed_run_is_start_up_steps_and_tail() -> None:
    found = phases_of(history_of([2.0] * 20, start_up_s=30.0), Events(), tail_s=5.0)
    assert found == pytest.approx((2.0, 30.0, 40.0, 0.0, 0.0, 0.0, 5.0))


def test_a_slow_first_step_belongs_to_the_start_up() -> None:
    found = phases_of(history_of([60.0] + [2.0] * 39), Events())
    assert (found.steady_step_time_s, found.start_up_s) == pytest.approx((2.0, 58.0))


def test_what_happens_after_a_step_lies_before_the_next_point() -> None:
    """Evaluation of 7 s after step 10, checkpoint of 3 s after step 20: the steps after them come so much later."""
    durations = [2.0] * 40
    durations[10] += 7.0
    durations[20] += 3.0
    found = phases_of(history_of(durations), Events(((10, 7.0),), checkpoint_every=20), tail_s=1.0)
    assert (found.evaluation_s, found.checkpoint_s, found.stalled_s) == pytest.approx((7.0, 3.0, 0.0))
    assert found.steady_s == pytest.approx(80.0)


def test_an_evaluation_without_a_logged_duration_is_what_its_piece_took_too_long() -> None:
    durations = [2.0] * 20
    durations[5] += 11.0
    found = phases_of(history_of(durations), Events(((5, None),)))
    assert found.evaluation_s == pytest.approx(11.0)


def test_both_after_one_step_are_told_apart_by_the_logged_evaluation() -> None:
    durations = [2.0] * 20
    durations[10] += 7.0 + 3.0
    found = phases_of(history_of(durations), Events(((10, 7.0),), checkpoint_every=10))
    assert (found.evaluation_s, found.checkpoint_s) == pytest.approx((7.0, 3.0))


def test_a_stall_slows_no_pace() -> None:
    durations = [2.0] * 30
    durations[17] = 120.0
    found = phases_of(history_of(durations), Events())
    assert (found.steady_step_time_s, found.stalled_s) == pytest.approx((2.0, 118.0))


def test_steps_of_varying_length_keep_their_mean_pace() -> None:
    found = phases_of(history_of([1.8, 2.2] * 20), Events())
    assert found.steady_step_time_s == pytest.approx(2.0, rel=0.01)
    assert found.stalled_s == 0.0


def test_the_loop_ends_after_the_last_point_with_its_last_checkpoint() -> None:
    """Points at every fifth step, 23 steps: three steps and a checkpoint of 4 s after the last point."""
    history = history_of([2.0] * 20, every=5)
    found = phases_of(history, Events(also_saved_at=23), tail_s=3 * 2.0 + 4.0, loop_end=23)
    assert (found.steady_s, found.checkpoint_s, found.tail_s) == pytest.approx((46.0, 4.0, 0.0))


def test_the_last_checkpoint_took_what_those_before_took_and_the_rest_is_winding_up() -> None:
    durations = [2.0] * 20
    durations[10] += 1.5
    found = phases_of(
        history_of(durations), Events(checkpoint_every=10, also_saved_at=20), tail_s=1.5 + 4.0, loop_end=20
    )
    assert (found.checkpoint_s, found.tail_s) == pytest.approx((3.0, 4.0))


def test_a_resumed_run_did_not_do_the_steps_before() -> None:
    history = history_of([2.0] * 30)
    late = MetricHistory(history.steps[20:], history.timestamps_ms[20:], history.values[20:])
    found = split(
        late, Events(), started_ms=late.timestamps_ms[0] - 12_000, ended_ms=late.timestamps_ms[-1], loop_end=None,
        steps_before_first_point=1,
    )  # fmt: skip
    assert found is not None
    assert found.start_up_s == pytest.approx(10.0)


def test_too_few_points_tell_no_pace() -> None:
    assert steady_step_time_s(pieces_of(history_of([2.0] * 3)), Events()) is None
    assert steady_step_time_s(pieces_of(MetricHistory((), (), ())), Events()) is None


def test_points_outside_the_run_tell_nothing() -> None:
    history = history_of([2.0] * 20)
    assert split(history, Events(), started_ms=START_MS + 50_000, ended_ms=START_MS + 90_000, loop_end=None) is None


@given(
    durations=st.lists(st.floats(0.001, 1000.0), min_size=5, max_size=60),
    start_up_s=st.floats(0, 1000),
    tail_s=st.floats(0, 1000),
    evaluations=st.dictionaries(st.integers(0, 70), st.none() | st.floats(0, 2000), max_size=5),
    every=st.none() | st.integers(1, 30),
    ends_with_loop=st.booleans(),
)
def test_the_phases_of_any_run_are_its_duration(
    durations: list[float],
    start_up_s: float,
    tail_s: float,
    evaluations: dict[int, float | None],
    every: int | None,
    ends_with_loop: bool,
) -> None:
    history = history_of(durations, start_up_s=start_up_s)
    events = Events(tuple(sorted(evaluations.items())), every)
    end_ms = history.timestamps_ms[-1] + round(tail_s * 1000)
    loop_end = (len(durations) + 2, end_ms) if ends_with_loop else None
    found = split(history, events, started_ms=START_MS, ended_ms=end_ms, loop_end=loop_end)
    if found is not None:
        assert total_s(found) == pytest.approx((end_ms - START_MS) / 1000, abs=1e-6)
        assert min(found) >= -1e-9
