"""Laws that hold for any history, tried on generated ones."""

import math
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.calibration.backtest import Prediction, rolling_origin, score
from planner.calibration.compare import Case
from planner.calibration.fit import fit
from planner.calibration.intervals import calibrated
from planner.calibration.residuals import Residual
from planner.calibration.resolve import as_group, resolve
from planner.calibration.shrinkage import Tree, shrink
from planner.calibration.traits import Traits
from planner.domain.calibration import Calibration, GroupCalibration
from planner.domain.estimate import Quantiles
from planner.drift.status import track
from planner.estimator.estimate_run import estimate_run
from tests.plain_run import plain_run

START = datetime(2026, 1, 5, tzinfo=UTC)
LATER = START + timedelta(days=9999)

PHYSICS = estimate_run(plain_run())


def residual(number: int, keys: tuple[str, str, str, str], log_ratio: float) -> Residual:
    names = [
        f"{level}={key}" for level, key in zip(("accelerator", "method", "model", "experiment"), keys, strict=True)
    ]
    return Residual(
        run_id=f"r{number}",
        experiment=keys[3],
        resource="duration_s",
        ended_at=START + timedelta(hours=number // 2),
        groups=("all", *(", ".join(names[: depth + 1]) for depth in range(4))),
        actual=100 * math.exp(log_ratio),
        estimate_p10=70,
        estimate_p50=100,
        estimate_p90=140,
        log_ratio=log_ratio,
    )


def replay(history: list[Residual]) -> tuple[Prediction, ...]:
    cases = []
    for row in history:
        told = Quantiles(p10=row.estimate_p10, p50=row.estimate_p50, p90=row.estimate_p90)
        cases.append(Case(PHYSICS.model_copy(update={"duration_s": told}), (row,)))
    return rolling_origin(cases, prior="p")


def told(calibration: Calibration, row: Residual) -> GroupCalibration:
    (learnt,) = calibration.resources
    return as_group(learnt, resolve(learnt, Traits(groups=row.groups), {}))


keys = st.tuples(*(st.sampled_from("ab") for _ in range(4)))
ratios = st.floats(-8, 8, allow_nan=False)
histories = st.lists(st.tuples(keys, ratios), max_size=40).map(
    lambda rows: [residual(number, key, ratio) for number, (key, ratio) in enumerate(rows)]
)


@given(histories, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_no_verb_depends_on_the_order_of_arrival(history: list[Residual], dice: Random) -> None:
    shuffled = list(history)
    dice.shuffle(shuffled)
    assert fit(history, as_of=LATER, prior="p") == fit(shuffled, as_of=LATER, prior="p")
    assert replay(history) == replay(shuffled)
    assert track(history, LATER) == track(shuffled, LATER)


@given(histories)
@settings(max_examples=100, deadline=None)
def test_whatever_the_history_every_figure_is_finite_and_every_bias_within_the_data(history: list[Residual]) -> None:
    calibration = fit(history, as_of=LATER, prior="p")
    low = min((r.log_ratio for r in history), default=0.0)
    high = max((r.log_ratio for r in history), default=0.0)
    for row in history:
        group = told(calibration, row)
        assert min(low, 0) - 1e-6 <= group.log_bias <= max(high, 0) + 1e-6
        assert group.log_p10 < group.log_bias < group.log_p90
        assert group.log_sd > 0
        assert group.num_runs == sum(row.groups[-1] in r.groups for r in history)
    for found in score(replay(history)):
        assert 0 <= found.coverage_80 <= 1


@given(st.floats(-2, 2), st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_another_run_like_all_others_never_makes_any_group_less_sure(
    value: float, leaves: list[int], more: int
) -> None:
    def posterior(leaf: np.ndarray) -> tuple[np.ndarray, ...]:
        codes = (np.zeros_like(leaf), leaf // 3, leaf)
        tree = Tree(codes, (np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64), np.arange(6) // 3))
        return tuple(level.variance for level in shrink(np.full(leaf.size, value), tree, 0.5))

    for before, after in zip(posterior(np.array(leaves)), posterior(np.array([*leaves, more])), strict=True):
        assert np.all(after <= before * (1 + 1e-9))


@given(
    st.floats(0.1, 1e6),
    st.floats(0, 3),
    st.floats(0, 3),
    histories.filter(bool),
)
@settings(max_examples=60, deadline=None)
def test_a_corrected_quantity_keeps_its_order_and_its_unit(
    p50: float, lower: float, upper: float, history: list[Residual]
) -> None:
    physics = Quantiles(p10=p50 * math.exp(-lower), p50=p50, p90=p50 * math.exp(upper))
    calibration = fit(history, as_of=LATER, prior="p")
    for row in history:
        group = told(calibration, row)
        found, thousandfold = calibrated(physics, group), calibrated(physics.scale(1000), group)
        assert 0 < found.p10 <= found.p50 <= found.p90
        assert math.isclose(thousandfold.p90, 1000 * found.p90, rel_tol=1e-9)
