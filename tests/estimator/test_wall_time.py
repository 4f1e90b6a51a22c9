import math
from typing import Any

import pytest

from planner.domain.estimate import Quantiles
from planner.domain.operations import Operations
from planner.estimator.estimate_run import estimate_run
from planner.estimator.wall_time import duration_triple, recombine, start_up_s

HERE = Operations()


def test_an_accelerator_starts_slower_than_a_cpu(make_workload: Any) -> None:
    gpu = make_workload()
    cpu = make_workload(model="qwen2-0.5b", accelerator="cpu-1core", precision="fp32")
    assert start_up_s(cpu, 0.0, HERE) == 2.0
    assert start_up_s(gpu, 0.0, HERE) == 60.0


def test_larger_models_more_nodes_and_compilers_start_slower(make_workload: Any) -> None:
    base = start_up_s(make_workload(), 0.0, HERE)
    assert start_up_s(make_workload(), 150e9, HERE) == pytest.approx(base + 100.0)
    assert start_up_s(make_workload(count=16), 0.0, HERE) == base + 10.0
    assert start_up_s(make_workload(compiler="torch_compile"), 0.0, HERE) == base + 60.0


def test_duration_adds_start_up_work_and_checkpoints() -> None:
    p10, p50, p90 = duration_triple(10.0, 100.0, 5.0, 0.25, 0.0)
    assert p50 == 115.0
    assert p10 < p50 < p90


def test_interruptions_make_a_run_late_never_early() -> None:
    calm, stormy = (duration_triple(10.0, 100.0, 5.0, 0.25, lost_sd) for lost_sd in (0.0, 50.0))
    assert stormy[:2] == calm[:2]
    assert stormy[2] - 115.0 == pytest.approx(math.hypot(calm[2] - 115.0, 1.2816 * 50.0), rel=1e-4)


def test_recombining_with_the_same_figures_changes_nothing(make_config: Any) -> None:
    estimate = estimate_run(make_config(cluster={"usd_per_accelerator_hour": 2.0}))
    again = recombine(
        estimate,
        start_up_s=estimate.start_up_s,
        tokens_per_s_per_accelerator=estimate.tokens_per_s_per_accelerator,
    )
    for level in ("p10", "p50", "p90"):
        assert getattr(again.duration_s, level) == pytest.approx(getattr(estimate.duration_s, level))
        assert getattr(again.cost_usd, level) == pytest.approx(getattr(estimate.cost_usd, level))
    assert again.duration_breakdown_s == pytest.approx(estimate.duration_breakdown_s)


def test_twice_the_speed_halves_training_and_its_cost(make_config: Any) -> None:
    estimate = estimate_run(make_config(cluster={"usd_per_accelerator_hour": 2.0}))
    faster = recombine(
        estimate,
        start_up_s=estimate.start_up_s,
        tokens_per_s_per_accelerator=estimate.tokens_per_s_per_accelerator.scale(2.0),
    )
    assert faster.duration_breakdown_s["training"] == pytest.approx(estimate.duration_breakdown_s["training"] / 2)
    assert faster.duration_s.p50 == pytest.approx(sum(faster.duration_breakdown_s.values()))
    assert faster.cost_usd is not None
    assert faster.cost_usd.p50 == pytest.approx(2.0 * faster.duration_s.p50 / 3600)
    assert faster.mfu == pytest.approx(2 * estimate.mfu)
    assert sum(faster.step_time_breakdown_s.values()) == pytest.approx(sum(estimate.step_time_breakdown_s.values()) / 2)


def test_a_narrower_speed_narrows_the_duration(make_config: Any) -> None:
    estimate = estimate_run(make_config(max_steps=100_000))
    speed = estimate.tokens_per_s_per_accelerator.p50
    sure = recombine(
        estimate, start_up_s=estimate.start_up_s, tokens_per_s_per_accelerator=Quantiles.lognormal(speed, 0.02)
    )
    assert estimate.duration_s.log_sd > 0.05
    assert sure.duration_s.log_sd == pytest.approx(0.02, rel=0.1)


def test_another_start_up_moves_the_duration_by_its_difference(make_config: Any) -> None:
    estimate = estimate_run(make_config())
    later = recombine(
        estimate,
        start_up_s=estimate.start_up_s.shift(1000.0),
        tokens_per_s_per_accelerator=estimate.tokens_per_s_per_accelerator,
    )
    assert later.duration_s.p50 == pytest.approx(estimate.duration_s.p50 + 1000.0)
    assert later.duration_breakdown_s["start_up"] == pytest.approx(estimate.start_up_s.p50 + 1000.0)
