"""Where the time of a run went, from the timestamps of its steps.

A trainer logs a step's loss, then evaluates, then saves: what happens at a step lies between its point and the next.
The steady pace is the mean over pieces without evaluation or checkpoint, slow ones left out: those beyond the median by
four robust standard deviations, 1.4826 x the median absolute deviation, and by a tenth at least.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from planner.dialects.facts import MetricHistory

FEWEST_PIECES = 3
SLOW_DEVIATIONS = 4 * 1.4826
SLOW_RATIO = 0.1
WARM_UP_RATIO = 0.05
"""Share of the steps at the beginning that the pace is not taken from, where enough are left."""


class Piece(NamedTuple):
    """Time between two points of a metric that is logged at steps."""

    steps: int
    seconds: float
    covers: range
    """Steps after which something beside training may have happened in it."""


class Events(NamedTuple):
    """What happened at which steps beside training."""

    evaluations: tuple[tuple[int, float | None], ...] = ()
    """Step and duration in seconds, by step; a duration is None where it was not logged."""
    checkpoint_every: int | None = None
    also_saved_at: int | None = None

    def evaluations_in(self, piece: Piece) -> list[float | None]:
        first, end = (
            bisect_left(self.evaluations, step, key=lambda one: one[0])
            for step in (piece.covers.start, piece.covers.stop)
        )
        return [took for _, took in self.evaluations[first:end]]

    def saves_in(self, piece: Piece) -> int:
        """Checkpoints written in a piece; one that is due at the last step, where one is written anyway, is one."""
        every, first, last = self.checkpoint_every, max(piece.covers.start, 1), piece.covers.stop - 1
        saves = 0 if every is None else max(last // every - (first - 1) // every, 0)
        also = self.also_saved_at
        return saves + (also is not None and also in piece.covers and (every is None or also % every > 0))

    def disturb(self, piece: Piece) -> bool:
        return self.saves_in(piece) > 0 or bool(self.evaluations_in(piece))


class Phases(NamedTuple):
    """They add up to the duration. ``steady_step_time_s`` is also known of runs that still go on."""

    steady_step_time_s: float
    start_up_s: float
    steady_s: float
    evaluation_s: float
    checkpoint_s: float
    stalled_s: float
    tail_s: float


def pieces_of(history: MetricHistory) -> list[Piece]:
    """The pieces between the points of a history, in the order of time."""
    points = sorted(zip(history.timestamps_ms, history.steps, strict=True))
    return [
        Piece(next_step - step, (next_ms - at_ms) / 1000, range(step, next_step))
        for (at_ms, step), (next_ms, next_step) in pairwise(points)
    ]


def steady_step_time_s(pieces: Sequence[Piece], events: Events) -> float | None:
    """Seconds of a step at the steady pace; None where too few pieces are undisturbed."""
    clean = [piece for piece in pieces if piece.steps > 0 and piece.seconds > 0 and not events.disturb(piece)]
    if len(clean) < FEWEST_PIECES:
        return None
    warm_until = clean[-1].covers.stop * WARM_UP_RATIO
    warm = [piece for piece in clean if piece.covers.start >= warm_until]
    clean = warm if len(warm) >= FEWEST_PIECES else clean
    limit = _slow_limit_s(clean)
    kept = [piece for piece in clean if piece.seconds / piece.steps <= limit]
    return sum(piece.seconds for piece in kept) / sum(piece.steps for piece in kept)


def split(
    history: MetricHistory,
    events: Events,
    *,
    started_ms: int,
    ended_ms: int,
    loop_end: tuple[int, int] | None,
    steps_before_first_point: int | None = None,
) -> Phases | None:
    """The phases of a run that ended; None where too few steps were logged, or not between its start and its end.

    ``loop_end``: last step and time (ms) of the training loop, where they were logged; otherwise it ends with the last
    point. ``steps_before_first_point``: where the run did not begin at step 0.
    """
    pieces = pieces_of(history)
    pace = steady_step_time_s(pieces, events)
    first_ms, last_ms = min(history.timestamps_ms, default=0), max(history.timestamps_ms, default=0)
    if pace is None or not started_ms <= first_ms <= last_ms <= ended_ms:
        return None
    first_step, last_step = pieces[0].covers.start, pieces[-1].covers.stop
    slow_s = _slow_limit_s([piece for piece in pieces if piece.steps > 0])
    account = _Account(events, pace, slow_s)
    done = first_step if steps_before_first_point is None else steps_before_first_point
    start = Piece(done, (first_ms - started_ms) / 1000, range(first_step - done, first_step))
    start_up_s = account.beside_training(start)
    for piece in pieces:
        account.add(piece)
    tail_s = (ended_ms - last_ms) / 1000
    if loop_end is not None and loop_end[0] >= last_step and last_ms <= loop_end[1] <= ended_ms:
        in_loop = range(last_step, loop_end[0] + 1)
        closing = Piece(loop_end[0] - last_step, (loop_end[1] - last_ms) / 1000, in_loop)
        tail_s += account.closing(closing) - closing.seconds
    return Phases(
        steady_step_time_s=pace,
        start_up_s=start_up_s,
        steady_s=account.steady_s,
        evaluation_s=account.evaluation_s,
        checkpoint_s=account.checkpoint_s,
        stalled_s=account.stalled_s,
        tail_s=tail_s,
    )


class _Account:
    """Adds the pieces of a run up by what they were spent on."""

    def __init__(self, events: Events, pace_s: float, slow_s: float) -> None:
        self._events, self._pace_s, self._slow_s = events, pace_s, slow_s
        self.steady_s = self.evaluation_s = self.checkpoint_s = self.stalled_s = 0.0
        self._each_save_s: list[float] = []

    def add(self, piece: Piece) -> None:
        left_s = self.beside_training(piece)
        is_slow = left_s > (self._slow_s - self._pace_s) * piece.steps
        if saves := self._events.saves_in(piece):
            self.checkpoint_s += left_s
            self._each_save_s.append(left_s / saves)
        elif not is_slow:
            self.steady_s += left_s
        elif self._events.evaluations_in(piece):
            self.evaluation_s += left_s
        else:
            self.stalled_s += left_s

    def closing(self, piece: Piece) -> float:
        """What is left of the piece after the last point, which ends with the loop: time of winding up.

        A checkpoint in it took what those before took in the median; without any, all that is left.
        """
        left_s = self.beside_training(piece)
        saves = self._events.saves_in(piece)
        saving_s = (
            min(left_s, saves * median(self._each_save_s)) if saves and self._each_save_s else left_s * (saves > 0)
        )
        self.checkpoint_s += saving_s
        return left_s - saving_s

    def beside_training(self, piece: Piece) -> float:
        """Counts the steps of a piece at the steady pace, then its evaluations; what is left of it."""
        steady_s = min(piece.seconds, piece.steps * self._pace_s)
        self.steady_s += steady_s
        left_s = piece.seconds - steady_s
        evaluations = self._events.evaluations_in(piece)
        known_s = [took for took in evaluations if took is not None]
        spent_s = min(left_s, sum(known_s)) if len(known_s) == len(evaluations) else left_s
        self.evaluation_s += spent_s
        return left_s - spent_s


def _slow_limit_s(pieces: Sequence[Piece]) -> float:
    """Seconds of a step beyond which a piece was held up."""
    each = [piece.seconds / piece.steps for piece in pieces]
    middle = median(each)
    return middle + max(SLOW_DEVIATIONS * median(abs(one - middle) for one in each), SLOW_RATIO * middle)
