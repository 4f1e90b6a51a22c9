import pytest

from planner.mlflow_callback.training_clock import TrainingClock


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s

    def passes(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def test_start_up_steps_evaluation_and_checkpoints_are_told_apart(time: Time) -> None:
    clock = TrainingClock(time(), now=time)
    time.passes(30)
    clock.begin_step(0)
    for step in range(1, 21):
        time.passes(2)
        clock.end_step(step)
        if step == 10:
            time.passes(5)
            clock.evaluated()
            time.passes(7)
            clock.saved()
    figures = clock.figures()
    assert (figures["start_up_s"], figures["train_s"]) == (30, 52)
    assert (figures["evaluation_s"], figures["checkpoint_s"], figures["num_checkpoints"]) == (5, 7, 1)
    assert (figures["steps"], figures["step_time_s"]) == (20, 2.6)
    assert figures["steady_step_time_s"] == pytest.approx(2)
    assert figures["steady_s"] == pytest.approx(40)
    assert figures["stalled_s"] == pytest.approx(0)


def test_a_first_step_that_nobody_announced_takes_a_steady_steps_time(time: Time) -> None:
    clock = TrainingClock(time(), now=time)
    time.passes(13)
    for step in range(1, 11):
        clock.end_step(step)
        time.passes(3)
    figures = clock.figures()
    assert figures["start_up_s"] == pytest.approx(10)
    assert figures["step_time_s"] == pytest.approx(3)


def test_a_resumed_training_counts_its_own_steps(time: Time) -> None:
    clock = TrainingClock(time(), now=time)
    clock.begin_step(100)
    for step in range(101, 111):
        time.passes(1)
        clock.end_step(step)
    assert (clock.steps, clock.figures()["step_time_s"]) == (10, 1)


def test_a_training_that_never_made_a_step_has_no_pace(time: Time) -> None:
    figures = TrainingClock(time(), now=time).figures()
    assert figures.get("step_time_s") is None


def test_a_long_training_is_watched_in_bounded_memory(time: Time) -> None:
    clock = TrainingClock(time(), now=time)
    clock.begin_step(0)
    for step in range(1, 50_001):
        time.passes(0.5)
        clock.end_step(step)
    assert len(clock.points) <= 1000
    assert clock.figures()["steady_step_time_s"] == pytest.approx(0.5)
