"""Phases of a run from the histories that its store holds, into the draft."""

from itertools import pairwise

from planner.dialects.draft import Draft
from planner.dialects.facts import END_HISTORIES, EVALUATION_HISTORIES, STEP_HISTORIES, MetricHistory, RunFacts
from planner.dialects.params import Params
from planner.dialects.phases import Events, pieces_of, split, steady_step_time_s

FIELDS = ("start_up_s", "steady_s", "evaluation_s", "checkpoint_s", "stalled_s", "tail_s", "steady_step_time_s")


def read_phases(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills what the timestamps of the steps tell; without them the fields stay as they are."""
    name = _longest(facts)
    if name is None:
        for field in FIELDS:
            draft.unknown(f"actual.{field}", f"timestamps of the metrics {', '.join(STEP_HISTORIES[:4])}, ...")
        return
    history = facts.histories[name]
    events = _events(facts, draft)
    rule = f"timestamps of the metric {name} at its steps, of evaluations and of the end of the loop"
    resumed = "resume_from_checkpoint" in params or draft.get("resumed_from") is not None
    if facts.started_at is not None and facts.ended_at is not None:
        found = split(
            history,
            events,
            started_ms=round(facts.started_at.timestamp() * 1000),
            ended_ms=round(facts.ended_at.timestamp() * 1000),
            loop_end=_loop_end(facts),
            steps_before_first_point=_usual_gap(history) if resumed else None,
        )
        for field, value in found._asdict().items() if found is not None else ():
            draft.put(f"actual.{field}", value, "inferred", rule)
    if draft.get("actual.steady_step_time_s") is None:
        pace = steady_step_time_s(pieces_of(history), events)
        draft.put(
            "actual.steady_step_time_s", pace, "inferred", f"{rule}; at least three pieces of undisturbed training"
        )
    _speed(draft)


def _speed(draft: Draft) -> None:
    """Steady tokens/s: tokens of a mean step, at the steady pace."""
    pace, tokens, steps, cluster = (
        draft.get("actual.steady_step_time_s"),
        draft.get("actual.tokens"),
        draft.get("actual.steps"),
        draft.get("cluster"),
    )
    rule = "tokens / steps / steady step time / accelerators"
    if pace and tokens and steps and cluster is not None:
        value = tokens / steps / pace / cluster.count
        draft.put("actual.steady_tokens_per_s_per_accelerator", value, "inferred", rule)
    else:
        draft.unknown("actual.steady_tokens_per_s_per_accelerator", rule)


def _longest(facts: RunFacts) -> str | None:
    """The metric with most points of training."""
    known = [name for name in STEP_HISTORIES if len(facts.histories.get(name, MetricHistory((), (), ())).steps) > 1]
    return max(known, key=lambda name: len(facts.histories[name].steps), default=None)


def _events(facts: RunFacts, draft: Draft) -> Events:
    name = next((name for name in EVALUATION_HISTORIES if name in facts.histories), None)
    found = facts.histories.get(name or "", MetricHistory((), (), ()))
    took = found.values if name == EVALUATION_HISTORIES[0] else (None,) * len(found.steps)
    every, end = draft.get("checkpoints.every_steps"), _loop_end(facts)
    return Events(
        evaluations=tuple(sorted(zip(found.steps, took, strict=True), key=lambda one: one[0])),
        checkpoint_every=every,
        also_saved_at=end[0] if every and end else None,
    )


def _loop_end(facts: RunFacts) -> tuple[int, int] | None:
    for name in END_HISTORIES:
        found = facts.histories.get(name)
        if found is not None and found.steps:
            return found.steps[-1], found.timestamps_ms[-1]
    return None


def _usual_gap(history: MetricHistory) -> int:
    """Steps between two points: what a resumed run did before its first point, at most."""
    gaps = sorted(after - before for before, after in pairwise(history.steps))
    return max(gaps[len(gaps) // 2], 0)
