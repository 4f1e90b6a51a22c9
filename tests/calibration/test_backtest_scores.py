"""Histories of known make, predicted run by run."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.calibration.backtest import pinball_log, pinball_loss, rolling_origin
from planner.calibration.backtest_scores import BacktestScore, backtest_scores
from planner.calibration.compare import Case, compare
from planner.catalog.load import load_catalog
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, TrainingRun
from planner.estimator.estimate_run import estimate_run

CATALOG = load_catalog()
START = datetime(2026, 1, 5, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
CONFIG = RunConfig.model_validate(
    {
        "model": CATALOG.models["llama-3.2-1b"], "method": "lora", "lora": {"rank": 8, "targets": ["q_proj"]},
        "precision": "bf16", "seq_len": 1024, "micro_batch_size": 2, "max_steps": 200, "batching": "packed",
        "activation_checkpointing": "full", "attention": "flash", "loss": "full_logits",
        "cluster": {"accelerator": CATALOG.accelerators["a100-80gb"], "count": 1},
    }
)  # fmt: skip
ESTIMATE = estimate_run(CONFIG, CATALOG.prices, START.date())


def history(num_runs: int, *, seed: int = 0, bias: float = 0.3) -> list[TrainingRun]:
    """A run a day of two experiments whose speed the physics overrates by ``bias``, with noise of 2 %."""
    rng = np.random.default_rng(seed)
    found = []
    for day in range(num_runs):
        speed = ESTIMATE.tokens_per_s_per_accelerator.p50 * math.exp(-bias + float(rng.normal(0, 0.02)))
        started = START + timedelta(days=day)
        found.append(
            TrainingRun(
                run_id=f"r{day:04d}",
                source="s",
                experiment=f"e{day % 2}",
                name="r",
                status="FINISHED",
                started_at=started,
                ended_at=started + timedelta(hours=30),
                dialect="unknown",
                config=CONFIG,
                actual=Actual(tokens_per_s_per_accelerator=speed),
                origins={},
            )
        )
    return found


def cases_of(runs: list[TrainingRun]) -> tuple[Case, ...]:
    return compare(runs, CATALOG.prices).cases


def scores_of(runs: list[TrainingRun]) -> tuple[BacktestScore, ...]:
    cases = cases_of(runs)
    return backtest_scores(cases, rolling_origin(cases, prior="p"), UTC_ZONE)


def test_the_error_falls_with_the_number_of_own_runs_and_that_of_the_physics_does_not() -> None:
    curve = {one.group: one for one in scores_of(history(60)) if one.by == "own runs"}
    assert list(curve) == ["0", "1", "2", "3-4", "5-8", "9-16", "17-32"]
    assert curve["0"].median_ape > 0.2
    assert curve["17-32"].median_ape < 0.03
    assert all(one.prior_median_ape == pytest.approx(math.exp(0.3) - 1, rel=0.1) for one in curve.values())


def test_every_run_is_in_one_part_of_each_grouping() -> None:
    scores = scores_of(history(40))
    for by in ("all", "month", "accelerator", "method", "model", "experiment", "own runs"):
        assert sum(one.num_runs for one in scores if one.by == by) == 40
    assert {one.group for one in scores if one.by == "month"} == {"2026-01", "2026-02"}
    assert {one.group for one in scores if one.by == "model"} == {"llama-3.2-1b"}


def test_scores_are_what_their_definitions_say() -> None:
    cases = cases_of(history(20))
    told = rolling_origin(cases, prior="p")
    (whole,) = [one for one in backtest_scores(cases, told, UTC_ZONE) if one.by == "all"]
    assert whole.median_ape == pytest.approx(np.median([abs(one.p50 / one.actual - 1) for one in told]))
    assert whole.coverage_80 == pytest.approx(np.mean([one.within for one in told]))
    assert whole.bias_log == pytest.approx(np.median([math.log(one.actual / one.p50) for one in told]))
    actual, levels = np.log([one.actual for one in told]), (0.1, 0.5, 0.9)
    losses = [
        pinball_loss(actual, np.log([getattr(one, name) for one in told]), level)
        for name, level in zip(("p10", "p50", "p90"), levels, strict=True)
    ]
    assert whole.pinball_log == pytest.approx(np.mean(losses))
    assert pinball_log(2.0, 1.0, 2.0, 4.0) == pytest.approx((0.1 + 0.1) * math.log(2) / 3)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 30), st.integers(0, 20), st.floats(-2, 2))
def test_no_run_of_the_future_is_used(day: int, more: int, other_bias: float) -> None:
    """Later runs that are changed, added or removed leave predictions of runs that started before them as they are."""
    runs = history(30)
    cut = START + timedelta(days=day)
    past = [run for run in runs if run.started_at and run.started_at < cut]
    future = [run for run in history(30 + more, seed=1, bias=other_bias) if run.started_at and run.started_at >= cut]

    def told(known: list[TrainingRun]) -> list[str]:
        predictions = rolling_origin(cases_of(known), prior="p")
        names = {run.run_id for run in past}
        return [
            one.model_copy(update={"actual": 0.0, "within": False}).model_dump_json()
            for one in predictions
            if one.run_id in names
        ]

    assert told([*past, *future]) == told(runs) == told(past)
