"""Laws of the calibration of crossed effects, tried on generated histories."""

import math
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.calibration.fit import fit, learn
from planner.calibration.observed import Observed
from planner.calibration.resolve import as_group, resolve
from planner.calibration.traits import Traits
from planner.domain.calibration import GroupCalibration, ResourceCalibration

START = datetime(2026, 1, 5, tzinfo=UTC)


def traits(accelerator: str, framework: str, length: float) -> Traits:
    names = f"accelerator={accelerator}", f"framework={framework}"
    return Traits(
        groups=("all", names[0], f"{names[0]}, experiment=e"),
        labels=(("accelerator", names[0]), ("framework", names[1]), ("accelerator, framework", ", ".join(names))),
        position=(length,),
        flags=("same",),
    )


def run(number: int, who: Traits, log_ratio: float, is_bound: bool = False) -> Observed:
    return Observed(f"r{number:03d}", "duration_s", START + timedelta(hours=number), who, {}, log_ratio, 0.3, is_bound)


people = st.builds(traits, st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(8, 12).map(float))


histories = st.lists(st.tuples(people, st.floats(-3, 3)), min_size=1, max_size=25).map(
    lambda rows: [run(number, who, ratio) for number, (who, ratio) in enumerate(rows)]
)


def told(learnt: ResourceCalibration, who: Traits) -> GroupCalibration:
    return as_group(learnt, resolve(learnt, who, {}, 0.3))


def half_width(learnt: ResourceCalibration, who: Traits) -> float:
    group = told(learnt, who)
    return group.log_p90 - group.log_bias


ASKED = [traits(a, f, length) for a in "abc" for f in "xyzq" for length in (8.0, 10.0)]


@given(histories, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_arrival_leaves_no_trace(history: list[Observed], dice: Random) -> None:
    shuffled = list(history)
    dice.shuffle(shuffled)
    assert learn(history) == learn(shuffled)


@given(st.lists(people, min_size=1, max_size=25), people, st.floats(-1, 1))
@settings(max_examples=80, deadline=None)
def test_another_run_that_shows_what_all_others_show_never_widens_every_interval(
    members: list[Traits], another: Traits, value: float
) -> None:
    """One that contradicts them may: the spread is learnt too."""
    (before,) = learn([run(number, who, value) for number, who in enumerate(members)])
    (after,) = learn([run(number, who, value) for number, who in enumerate([*members, another])])
    seen = [*ASKED, *members, another]
    assert any(half_width(after, one) <= half_width(before, one) * (1 + 1e-9) for one in seen)


@given(histories, people, st.floats(-7, 7), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_run_whatever_it_shows_leaves_every_interval_of_what_it_did_not_measure(
    history: list[Observed], who: Traits, value: float, is_bound: bool
) -> None:
    speeds = [row._replace(resource="tokens_per_s_per_accelerator") for row in history]
    another = run(len(history), who, value, is_bound)
    _, before = sorted(learn([*speeds, *history]), key=lambda one: one.resource)
    after = {one.resource: one for one in learn([*speeds, *history, another])}
    assert after["tokens_per_s_per_accelerator"] == before
    assert set(after) == {"tokens_per_s_per_accelerator", "duration_s"}


@given(histories)
@settings(max_examples=60, deadline=None)
def test_every_run_seen_or_not_is_told_something_finite_in_the_right_order(history: list[Observed]) -> None:
    (learnt,) = learn(history)
    for who in (*ASKED, *(row.traits for row in history)):
        group = told(learnt, who)
        assert group.log_p10 < group.log_bias < group.log_p90
        assert math.isfinite(group.log_p10)
        assert math.isfinite(group.log_p90)


@given(histories, people)
@settings(max_examples=40, deadline=None)
def test_a_run_of_a_cell_never_seen_is_moved_no_further_than_its_effects_say(
    history: list[Observed], who: Traits
) -> None:
    (learnt,) = learn(history)
    found = resolve(learnt, who, {}, 0.02)
    unsure = resolve(learnt, who, {}, 2.0)
    assert abs(found.log_bias) <= abs(unsure.log_bias) + 1e-9
    if who.cell in learnt.cells:
        assert found.log_bias == unsure.log_bias


@pytest.mark.parametrize("value", [0.0, 0.7])
@pytest.mark.parametrize("num_runs", [1, 2, 40])
def test_runs_that_are_all_the_same_have_a_narrow_interval_around_what_they_show(value: float, num_runs: int) -> None:
    who = traits("a", "x", 9.0)
    (learnt,) = learn([run(number, who, value) for number in range(num_runs)])
    group = told(learnt, who)
    assert min(0, value) <= group.log_bias <= max(0, value) + 1e-12
    assert 0 < group.log_p90 - group.log_bias < 1
    if num_runs == 40:
        assert group.log_bias == pytest.approx(value, abs=0.03)
        assert group.log_p90 - group.log_bias < 0.1


def test_failed_runs_alone_teach_nothing_and_are_no_error() -> None:
    who = traits("a", "x", 9.0)
    assert learn([run(number, who, 0.5, is_bound=True) for number in range(5)]) == ()
    assert learn([]) == ()


def test_without_any_run_there_is_a_version_that_changes_nothing() -> None:
    nothing = fit([], as_of=START, prior="p")
    assert nothing.resources == ()
    assert nothing.num_runs == 0
    assert nothing.fitted_through is None


def test_runs_without_labels_position_or_switches_are_learnt_from() -> None:
    bare = Traits(groups=("all",))
    (learnt,) = learn([run(number, bare, 0.4) for number in range(6)])
    assert 0 < told(learnt, bare).log_bias <= 0.4
