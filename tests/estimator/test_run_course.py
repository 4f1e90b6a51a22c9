from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.estimator.estimate_run import estimate_run
from planner.estimator.run_course import evaluation_s, forward_ratio, interruption_rate_per_s
from planner.estimator.wall_time_constants import WALL_TIME
from planner.estimator.workload_of_run import workload


@pytest.mark.parametrize(
    ("given", "passes"),
    [
        ({"method": "full", "activation_checkpointing": "none"}, 3),
        ({"method": "full", "activation_checkpointing": "full"}, 4),
        ({"activation_checkpointing": "none"}, 2),
        ({"activation_checkpointing": "full"}, 3),
    ],
)
def test_an_evaluation_is_one_of_the_passes_of_a_step(make_workload: Any, given: dict[str, str], passes: int) -> None:
    assert forward_ratio(make_workload(**given)) == pytest.approx(1 / passes)


def test_evaluations_come_at_intervals_or_once(make_config: Any) -> None:
    config = make_config(activation_checkpointing="none", evaluation={"every_steps": 100, "tokens": 3000})
    run = workload(config)
    assert evaluation_s(config, run, steps=1000, tokens_per_s=1000.0) == pytest.approx(10 * 3.0 / 2)
    once = make_config(activation_checkpointing="none", evaluation={"tokens": 3000})
    assert evaluation_s(once, run, steps=1000, tokens_per_s=1000.0) == pytest.approx(3.0 / 2)


def test_spot_capacity_is_interrupted_more_often(make_config: Any) -> None:
    on_demand, spot = (make_config(cluster={"count": 16, "pricing_category": c}) for c in ("Standard", "Dynamic"))
    run = workload(on_demand)
    rate = interruption_rate_per_s(on_demand, run)
    assert rate * 3600 == pytest.approx(16 * WALL_TIME.failures_per_accelerator_hour)
    assert interruption_rate_per_s(spot, run) * 3600 == pytest.approx(16 * 419 / (54 * 24 * 16384) + 2 * 0.02)


def test_rows_of_the_duration_add_up_to_its_median(make_config: Any) -> None:
    estimate = estimate_run(
        make_config(
            max_steps=5000,
            evaluation={"every_steps": 500, "tokens": 100_000},
            checkpoints={"every_steps": 100},
            operations={"spot_interruptions_per_node_hour": 0.5},
            cluster={"pricing_category": "Dynamic"},
        )
    )
    rows = estimate.duration_breakdown_s
    assert set(rows) == {"start_up", "training", "evaluation", "checkpoints", "interruptions"}
    assert all(seconds > 0 for seconds in rows.values())
    assert sum(rows.values()) == pytest.approx(estimate.duration_s.p50)


def test_a_run_without_checkpoints_on_poor_capacity_is_told_so(make_config: Any) -> None:
    operations = {"spot_interruptions_per_node_hour": 1.0}
    config = make_config(max_steps=100_000, operations=operations, cluster={"pricing_category": "Dynamic"})
    estimate = estimate_run(config)
    assert estimate.checkpoint_advice is not None
    assert estimate.checkpoint_advice.best_every_steps is not None
    assert any("interruptions are expected to cost" in note for note in estimate.notes)
    every = {"every_steps": estimate.checkpoint_advice.best_every_steps}
    advised = estimate_run(config.model_copy(update={"checkpoints": config.checkpoints.model_copy(update=every)}))
    assert advised.duration_s.p50 < estimate.duration_s.p50


def test_fetching_image_and_model_delays_the_start(make_config: Any) -> None:
    there = estimate_run(make_config()).start_up_s.p50
    operations = {"image_bytes": 1e10, "model_is_cached": False, "download_bytes_per_s": 1e9}
    fetched = estimate_run(make_config(operations=operations)).start_up_s.p50
    model_bytes = estimate_run(make_config()).storage_breakdown_bytes["base_model"]
    assert fetched - there == pytest.approx((1e10 + model_bytes) / 1e9)


def test_what_is_kept_longer_costs_more(make_config: Any) -> None:
    short, long = (
        estimate_run(make_config(operations={"retention": {"checkpoints_months": months}}), load_catalog().prices)
        for months in (1, 12)
    )
    assert sum(long.cost_breakdown_usd.values()) > sum(short.cost_breakdown_usd.values())
