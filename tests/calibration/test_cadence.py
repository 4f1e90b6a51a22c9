"""Programmes of known make: what made them is learnt back."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.calibration.cadence import Cadence, learn_cadences
from planner.calibration.seen_updates import SeenUpdates

WEEK_S = 604_800.0


def made(rng: np.random.Generator, name: str, num_slots: int, **known: float) -> SeenUpdates:
    """Skips, extra updates, failures, slips and sizes drawn with known parameters."""
    truth = {"skip": 0.1, "extra": 0.1, "fail": 0.2, "slip_s": 1800.0, "slip_log_sd": 0.5, "growth": 0.02, **known}
    used = int(rng.binomial(num_slots, 1 - truth["skip"]))
    extra = int(rng.poisson(truth["extra"] * used))
    finished = used + extra
    failed = int(rng.negative_binomial(finished, 1 - truth["fail"])) if finished else 0
    slips_s = truth["slip_s"] * rng.lognormal(0.0, truth["slip_log_sd"], used)
    weeks = np.linspace(0, num_slots, finished)
    return SeenUpdates(
        name=name,
        weeks_observed=float(num_slots),
        planned_updates=num_slots,
        skipped_updates=num_slots - used,
        extra_updates=extra,
        finished_updates=finished,
        attempts=finished + failed,
        failed_attempts=failed,
        slips_s=tuple(slips_s.tolist()),
        slot_s=WEEK_S,
        log_sizes=tuple((float(w), 5 + truth["growth"] * float(w) + float(rng.normal(0, 0.03))) for w in weeks),
    )


def one(seen: SeenUpdates) -> Cadence:
    (found,) = learn_cadences([seen])
    return found


def test_what_made_a_long_history_is_learnt_back() -> None:
    found = one(made(np.random.default_rng(1), "bot", 500, skip=0.15, extra=0.2, fail=0.25, slip_s=3600.0, growth=0.01))
    assert found.skip_probability.mean == pytest.approx(0.15, abs=0.04)
    assert found.extra_updates_ratio.mean == pytest.approx(0.2, abs=0.06)
    assert found.attempts_per_finished_update.p50 == pytest.approx(1 / 0.75, rel=0.06)
    assert found.slip_s.p50 == pytest.approx(3600, rel=0.1)
    assert found.slip_s.p90 == pytest.approx(3600 * math.exp(1.2816 * 0.5), rel=0.15)
    assert found.dataset_growth_ratio_per_update.p50 == pytest.approx(math.expm1(0.01), abs=5e-4)
    assert found.updates_per_week.mean == pytest.approx(0.85 * 1.2, rel=0.08)
    assert found.updates_per_planned_ratio == pytest.approx(0.85 * 1.2, rel=0.08)


def test_four_in_five_ranges_hold_the_truth_of_programmes_with_few_updates() -> None:
    """Sixty programmes of ten slots whose own parameters vary."""
    rng = np.random.default_rng(7)
    truths: list[dict[str, float]] = [
        {
            "skip": float(rng.beta(2, 10)),
            "extra": float(rng.gamma(2, 0.1)),
            "fail": float(rng.beta(3, 12)),
            "slip_s": 1800 * float(rng.lognormal(0, 0.7)),
            "growth": float(rng.normal(0.01, 0.02)),
        }
        for _ in range(60)
    ]
    found = learn_cadences([made(rng, f"p{k}", 10, **truth) for k, truth in enumerate(truths)])
    inside: dict[str, list[bool]] = {"skip": [], "extra": [], "attempts": [], "growth": [], "slip": []}
    for cadence, truth in zip(found, truths, strict=True):
        ranges = {
            "skip": (cadence.skip_probability.quantiles, truth["skip"]),
            "extra": (cadence.extra_updates_ratio.quantiles, truth["extra"]),
            "attempts": (cadence.attempts_per_finished_update, 1 / (1 - truth["fail"])),
            "growth": (cadence.dataset_growth_ratio_per_update, math.expm1(truth["growth"])),
            "slip": (cadence.slip_s, truth["slip_s"] * float(rng.lognormal(0, 0.5))),
        }
        for name, (quantiles, value) in ranges.items():
            inside[name].append(quantiles.p10 <= value <= quantiles.p90)
    for name, hits in inside.items():
        assert np.mean(hits) == pytest.approx(0.8, abs=0.12), name


def test_leaning_on_the_others_is_nearer_to_the_truth_than_a_programme_alone() -> None:
    rng = np.random.default_rng(3)
    truth = rng.beta(4, 20, 80)
    seen = [made(rng, f"p{k}", 6, fail=float(p)) for k, p in enumerate(truth)]
    together = np.array([cadence.failure_probability.mean for cadence in learn_cadences(seen)])
    alone = np.array([s.failed_attempts / max(s.attempts, 1) for s in seen])
    assert np.mean((together - truth) ** 2) < 0.7 * np.mean((alone - truth) ** 2)


def test_without_any_update_the_stated_priors_hold() -> None:
    found = one(SeenUpdates(name="new", planned_updates=0, slot_s=WEEK_S))
    assert found.skip_probability.mean == pytest.approx(0.1, abs=0.005)
    assert found.failure_probability.mean == pytest.approx(0.125, abs=0.005)
    assert found.extra_updates_ratio.mean == pytest.approx(0.05, abs=0.005)
    assert found.slip_s.p50 == pytest.approx(600, rel=0.01)
    assert found.dataset_growth_ratio_per_update.p50 == pytest.approx(0.0, abs=1e-9)
    assert found.dataset_growth_ratio_per_update.p90 > 0.01


def test_a_new_programme_takes_after_the_others() -> None:
    rng = np.random.default_rng(5)
    others = [made(rng, f"p{k}", 60, skip=0.4, slip_s=7200.0) for k in range(8)]
    *_, new = learn_cadences([*others, SeenUpdates(name="new", planned_updates=0, slot_s=WEEK_S)])
    assert new.skip_probability.mean == pytest.approx(0.4, abs=0.06)
    assert new.slip_s.p50 == pytest.approx(7200, rel=0.35)


def test_without_a_plan_nothing_is_said_of_slots_and_growth_goes_by_updates() -> None:
    sizes = tuple((w / 2, 5 + 0.02 * w / 2) for w in range(40))
    seen = SeenUpdates(name="tenant", weeks_observed=20.0, finished_updates=40, attempts=41, failed_attempts=1,
                       log_sizes=sizes)  # fmt: skip
    found = one(seen)
    assert (found.planned_updates, found.skipped_updates, found.planned_per_week) == (None, None, None)
    assert found.growth_log_per_slot.mean == pytest.approx(0.01, rel=0.1)


def test_one_mistyped_dataset_does_not_make_growth() -> None:
    seen = made(np.random.default_rng(2), "bot", 20, skip=0.0, extra=0.0, growth=0.02)
    sizes = list(seen.log_sizes)
    sizes[7] = (sizes[7][0], sizes[7][1] + math.log(100))
    spoilt = SeenUpdates(name="bot", log_sizes=tuple(sizes), slot_s=WEEK_S, planned_updates=0)
    assert one(spoilt).growth_log_per_slot.mean == pytest.approx(0.02, abs=0.005)


def test_only_failures_leave_no_update_and_many_attempts() -> None:
    found = one(
        SeenUpdates(name="s", planned_updates=3, skipped_updates=3, attempts=3, failed_attempts=3, slot_s=WEEK_S)
    )
    assert found.updates_per_planned_ratio < 0.5
    assert found.attempts_per_finished_update.p50 > 2


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_the_programmes_changes_nothing(order: list[int]) -> None:
    seen = [made(np.random.default_rng(k), f"p{k}", 4 + 3 * k) for k in range(6)]
    by_name: dict[str, Any] = {cadence.name: cadence for cadence in learn_cadences(seen)}
    for cadence in learn_cadences([seen[index] for index in order]):
        assert cadence == by_name[cadence.name]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 10))
def test_more_failures_never_lower_the_attempts_that_are_expected(finished: int, failed: int, more: int) -> None:
    def expected(failures: int) -> float:
        attempts = finished + failures
        return one(SeenUpdates(name="x", finished_updates=finished, attempts=attempts, failed_attempts=failures,
                               weeks_observed=4.0)).failure_probability.mean  # fmt: skip

    assert expected(failed + more) > expected(failed)
