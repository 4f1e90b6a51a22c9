from typing import Any

import pytest

from planner.estimator.step_time.communication import (
    collective_bytes_per_s,
    context_parallel_bytes,
    exposed_s,
    gathered_bytes_per_pass,
    reduced_bytes_per_pass,
    reduced_bytes_per_step,
    tensor_parallel_s,
)


def ring_all_reduce_bytes(size_bytes: float, ranks: int) -> float:
    """What one rank of a ring sends, chunk by chunk: reduce-scatter, then all-gather."""
    chunk = size_bytes / ranks
    return sum(chunk for _ in range(ranks - 1)) + sum(chunk for _ in range(ranks - 1))


def test_ddp_reduces_all_gradients_once_a_step(make_workload: Any) -> None:
    run = make_workload(method="full", count=8)
    assert reduced_bytes_per_step(run) == pytest.approx(ring_all_reduce_bytes(2 * run.params.total, 8))
    assert gathered_bytes_per_pass(run) == reduced_bytes_per_pass(run) == 0.0


def test_zero_3_moves_three_times_the_weights_a_pass(make_workload: Any) -> None:
    run = make_workload(method="full", count=8, parallelism={"zero_stage": 3})
    moved = gathered_bytes_per_pass(run) + reduced_bytes_per_pass(run)
    assert moved == pytest.approx(3 * 2 * run.params.total * 7 / 8)
    assert reduced_bytes_per_step(run) == 0.0


def test_frozen_weights_are_gathered_but_not_reduced(make_workload: Any) -> None:
    run = make_workload(count=8, parallelism={"zero_stage": 3})
    assert reduced_bytes_per_pass(run) < 0.01 * gathered_bytes_per_pass(run)


def test_hybrid_sharding_reduces_shards_between_replicas(make_workload: Any) -> None:
    run = make_workload(method="full", count=16, parallelism={"zero_stage": 3, "dp_shard": 8})
    assert reduced_bytes_per_step(run) == pytest.approx(2 * 2 * run.params.total / 8 * 1 / 2)


def test_a_ring_that_leaves_the_node_is_bound_by_the_network(make_workload: Any) -> None:
    slow = {"inter_node_bytes_per_s_per_accelerator": 1e9}
    inside, outside = make_workload(count=8, cluster=slow), make_workload(count=16, cluster=slow)
    assert collective_bytes_per_s(inside, 8) == pytest.approx(0.43 * 300e9)
    assert collective_bytes_per_s(outside, 16) == pytest.approx(0.9 * 8e9)


def test_only_what_exceeds_the_computation_is_fully_exposed() -> None:
    assert exposed_s(1.0, 10.0) == pytest.approx(0.6)
    assert exposed_s(100.0, 10.0) == pytest.approx(60.0 + 30.0)


def test_tensor_parallel_reduces_four_times_a_layer(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"tp": 4}, activation_checkpointing="none")
    volume = ring_all_reduce_bytes(4096 * 4096 * 2, 4)
    assert tensor_parallel_s(run, 4096.0) == pytest.approx(0.6 * 4 * 32 * volume / (0.43 * 300e9))
    assert tensor_parallel_s(make_workload(), 4096.0) == 0.0


def test_context_parallel_passes_keys_and_values_round(make_workload: Any) -> None:
    run = make_workload(count=4, parallelism={"cp": 4})
    one_hop = 1024.0 * 2 * 1024 * 2
    assert context_parallel_bytes(run, 1024.0) == pytest.approx(3 * one_hop * 3 * 32)
