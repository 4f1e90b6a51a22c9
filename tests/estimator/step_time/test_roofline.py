import dataclasses
from typing import Any

import pytest

from planner.estimator.step_time.roofline import BOUND, step_time
from planner.estimator.throughput_constants import THROUGHPUT


def test_terms_add_up_to_the_step(make_workload: Any) -> None:
    step = step_time(make_workload(count=16, parallelism={"zero_stage": 3}))
    assert step.total_s == sum(step.breakdown_s.values())
    assert set(step.breakdown_s) <= set(BOUND)


def test_accumulation_repeats_passes_but_not_the_optimizer(make_workload: Any) -> None:
    one = step_time(make_workload(method="full"))
    four = step_time(make_workload(method="full", gradient_accumulation_steps=4))
    assert four.breakdown_s["matmul"] == pytest.approx(4 * one.breakdown_s["matmul"])
    assert four.breakdown_s["optimizer"] == one.breakdown_s["optimizer"]


def bubble_ratio(make_workload: Any, accumulation: int, **parallelism: Any) -> float:
    """Bubble over the time of the passes themselves."""
    run = make_workload(
        method="full",
        count=parallelism["pp"],
        parallelism=parallelism,
        gradient_accumulation_steps=accumulation,
        optimizer="sgd",
    )
    terms = step_time(run).breakdown_s
    bubble = terms.pop("pipeline_bubble")
    return bubble / (sum(terms.values()) - terms["optimizer"])


def test_the_bubble_is_that_of_a_schedule_drawn_step_by_step(make_workload: Any) -> None:
    def idle_ratio(stages: int, passes: int) -> float:
        slots = passes + stages - 1
        return slots / passes - 1.0

    for accumulation in (4, 32):
        found = bubble_ratio(make_workload, accumulation, pp=4)
        assert found == pytest.approx(idle_ratio(4, accumulation), rel=0.01)


def test_interleaved_parts_divide_the_bubble(make_workload: Any) -> None:
    whole = bubble_ratio(make_workload, 8, pp=4)
    parts = bubble_ratio(make_workload, 8, pp=4, pipeline_schedule="interleaved", virtual_stages=4)
    assert parts == pytest.approx(whole / 4, rel=0.05)


def test_a_tiny_model_is_bound_by_launches(make_workload: Any) -> None:
    run = make_workload(model="pythia-70m", method="full", seq_len=64, micro_batch_size=1, accelerator="h100-sxm-80gb")
    assert step_time(run).bottleneck == "launch"


def test_a_large_batch_is_bound_by_compute(make_workload: Any) -> None:
    assert step_time(make_workload(method="full", micro_batch_size=16)).bottleneck == "compute"


def test_many_small_adapters_on_a_card_with_slow_memory_are_bound_by_it(make_workload: Any) -> None:
    run = make_workload(accelerator="l40s-48gb", model="pythia-1b", micro_batch_size=32)
    assert step_time(run).bottleneck == "memory_bandwidth"


def test_a_sharded_run_on_a_slow_network_is_bound_by_communication(make_workload: Any) -> None:
    run = make_workload(
        method="full",
        count=16,
        parallelism={"zero_stage": 3},
        cluster={"inter_node_bytes_per_s_per_accelerator": 0.2e9},
    )
    assert step_time(run).bottleneck == "communication"


def test_a_run_whose_data_arrive_too_slowly_is_bound_by_input(make_workload: Any) -> None:
    starved = dataclasses.replace(THROUGHPUT, input_tokens_per_s=100.0)
    run = make_workload()
    assert step_time(run, starved).bottleneck == "input"
    assert step_time(run, starved).total_s == pytest.approx(run.tokens_per_step / 100.0)


def test_a_single_device_sends_nothing(make_workload: Any) -> None:
    sent = {"sharding", "data_parallel", "tensor_parallel", "expert_parallel", "pipeline", "stragglers"}
    assert not sent & set(step_time(make_workload()).breakdown_s)
