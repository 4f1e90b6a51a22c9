from datetime import timedelta

import pytest

from benchmarks.drift_simulation import KINDS, START, known_at, one_thing_moves
from planner.drift.explain import explain
from planner.drift.factors import FactorKind
from planner.drift.status import track

LATER = START + timedelta(weeks=46)


@pytest.mark.parametrize("moved", KINDS)
def test_what_moved_is_named_from_a_history_in_which_more_than_it_changed(moved: FactorKind) -> None:
    history = one_thing_moves(moved, seed=101, size_sd=2.0)
    known = known_at(history.residuals, 46)
    report = explain(track(known, LATER), known, history.factors)
    drifts = [one for one in report.statuses if one.state == "drifting" and one.alarm_run_id in history.affected]
    largest = max(drifts, key=lambda one: one.statistic / one.limit)
    assert largest.verdict is not None
    assert largest.verdict.kind == moved
    assert largest.verdict.after.log_bias > largest.verdict.before.log_bias


def test_the_order_of_arrival_leaves_no_trace_in_a_verdict() -> None:
    history = one_thing_moves("driver", seed=3)
    known = known_at(history.residuals, 46)
    there = explain(track(known, LATER), known, history.factors)
    back = explain(track(known[::-1], LATER), known[::-1], history.factors[::-1])
    assert there == back


def test_without_recorded_circumstances_only_the_programme_can_be_named() -> None:
    history = one_thing_moves("software version", seed=3)
    known = known_at(history.residuals, 46)
    report = explain(track(known, LATER), known, [])
    kinds = {one.verdict.kind for one in report.statuses if one.verdict}
    assert kinds <= {"unknown", "programme"}
    assert kinds
