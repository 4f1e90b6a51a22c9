"""Where the time of a training goes, told by its events; the steady pace by the rules of ingest."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from planner.dialects.facts import MAX_POINTS
from planner.dialects.phases import Events, Piece, steady_step_time_s


@dataclass
class TrainingClock:
    """Times are seconds since 1970; ``started_s`` is the start of the run."""

    started_s: float
    now: Callable[[], float] = time.time
    first_step_s: float | None = None
    last_event_s: float = 0.0
    first_step: int = 0
    step: int = 0
    evaluation_s: float = 0.0
    checkpoint_s: float = 0.0
    num_checkpoints: int = 0
    evaluated_at: set[int] = field(default_factory=set)
    saved_at: set[int] = field(default_factory=set)
    points: list[tuple[int, float]] = field(default_factory=list)
    """Steps that are done, and when."""
    _every: int = 1
    _was_announced: bool = True
    """Whether the first step's begin was seen; otherwise it is taken to have been a steady step before its end."""

    def begin_step(self, step: int) -> None:
        """Before a step; ``step`` counts those that are done."""
        if self.first_step_s is None:
            self.first_step_s, self.first_step, self.step = self.now(), step, step

    def end_step(self, step: int) -> None:
        """After a step, with it counted. Of long runs every n-th point is kept."""
        self.last_event_s = self.now()
        if self.first_step_s is None:
            self.first_step_s, self.first_step, self._was_announced = self.last_event_s, step - 1, False
        self.step = step
        if step % self._every == 0:
            self.points.append((step, self.last_event_s))
        if len(self.points) > MAX_POINTS:
            self._every *= 2
            self.points = [point for point in self.points if point[0] % self._every == 0]

    def other_event(self) -> None:
        """Something that is neither: what follows is counted from here."""
        self.last_event_s = self.now()

    def evaluated(self, seconds: float | None = None) -> None:
        """An evaluation has ended; without its duration all since the last event is counted."""
        now_s = self.now()
        self.evaluation_s += now_s - self.last_event_s if seconds is None else seconds
        self.evaluated_at.add(self.step)
        self.last_event_s = now_s

    def saved(self) -> None:
        """A checkpoint was written since the last event."""
        now_s = self.now()
        self.checkpoint_s += now_s - self.last_event_s
        self.num_checkpoints += 1
        self.saved_at.add(self.step)
        self.last_event_s = now_s

    @property
    def steps(self) -> int:
        """Done by this process: a resumed run counts from where it went on."""
        return self.step - self.first_step

    @property
    def train_s(self) -> float | None:
        """From the first step to the last event."""
        return None if self.first_step_s is None or not self.steps else self.last_event_s - self.first_step_s

    def figures(self) -> dict[str, float | None]:
        """Fields of ``Actual``; a figure that cannot be told is None."""
        if self.first_step_s is None or self.train_s is None:
            return {"evaluation_s": self.evaluation_s, "checkpoint_s": self.checkpoint_s}
        pace = self._pace_s()
        unseen_s = 0.0 if self._was_announced else pace or 0.0
        train_s = self.train_s + unseen_s
        return {
            "train_s": train_s,
            "start_up_s": max(self.first_step_s - unseen_s - self.started_s, 0.0),
            "evaluation_s": self.evaluation_s,
            "checkpoint_s": self.checkpoint_s,
            "num_checkpoints": self.num_checkpoints,
            "steps": self.steps,
            "step_time_s": train_s / self.steps or None,
            "steady_step_time_s": pace,
            "steady_s": None if pace is None else min(pace * self.steps, train_s),
            "stalled_s": None
            if pace is None
            else max(train_s - pace * self.steps - self.evaluation_s - self.checkpoint_s, 0.0),
        }

    def _pace_s(self) -> float | None:
        held_up = {*self.evaluated_at, *self.saved_at}
        pieces = [
            Piece(step - before, at_s - before_s, range(before, step))
            for (before, before_s), (step, at_s) in pairwise(self.points)
        ]
        clean = [piece for piece in pieces if held_up.isdisjoint(piece.covers)]
        return steady_step_time_s(clean, Events())
