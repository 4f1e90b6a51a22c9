from typing import Any

import pytest

from planner.estimator.step_time.roofline import step_time


def test_terms_add_up_to_the_step(make_workload: Any) -> None:
    step = step_time(make_workload(count=16, parallelism={"zero_stage": 3}))
    assert step.total_s == sum(step.breakdown_s.values())
    assert step.breakdown_s[step.bottleneck] == max(step.breakdown_s.values())


def test_accumulation_repeats_passes_but_not_the_optimizer(make_workload: Any) -> None:
    one = step_time(make_workload(method="full"))
    four = step_time(make_workload(method="full", gradient_accumulation_steps=4))
    assert four.breakdown_s["matmul"] == pytest.approx(4 * one.breakdown_s["matmul"])
    assert four.breakdown_s["optimizer"] == one.breakdown_s["optimizer"]


def test_the_bubble_of_a_pipeline_shrinks_with_micro_batches(make_workload: Any) -> None:
    def bubble_share(accumulation: int) -> float:
        run = make_workload(
            method="full", count=4, parallelism={"pp": 4}, gradient_accumulation_steps=accumulation, optimizer="sgd"
        )
        step = step_time(run)
        return step.breakdown_s["pipeline_bubble"] / step.total_s

    assert bubble_share(4) == pytest.approx(3 / 7, rel=0.05)
    assert bubble_share(32) == pytest.approx(3 / 35, rel=0.05)


def test_a_tiny_model_is_bound_by_launches(make_workload: Any) -> None:
    run = make_workload(model="pythia-70m", method="full", seq_len=64, micro_batch_size=1, accelerator="h100-sxm-80gb")
    assert step_time(run).bottleneck == "launch"


def test_a_large_batch_is_bound_by_matrix_products(make_workload: Any) -> None:
    assert step_time(make_workload(method="full", micro_batch_size=16)).bottleneck == "matmul"


def test_a_sharded_run_on_a_slow_network_is_bound_by_sharding(make_workload: Any) -> None:
    run = make_workload(
        method="full",
        count=16,
        parallelism={"zero_stage": 3},
        cluster={"inter_node_bytes_per_s_per_accelerator": 0.2e9},
    )
    assert step_time(run).bottleneck == "sharding"


def test_a_single_device_sends_nothing(make_workload: Any) -> None:
    assert not {"sharding", "data_parallel", "tensor_parallel", "stragglers"} & set(
        step_time(make_workload()).breakdown_s
    )
