from typing import Any

import pytest

from planner.estimator.step_time.communication import (
    context_parallel_bytes,
    data_parallel_s,
    expert_parallel_bytes,
    exposed_s,
    gathered_bytes_per_pass,
    overlaps_tensor_parallel,
    pipeline_bytes,
    reduced_bytes_per_pass,
    reduced_bytes_per_step,
    tensor_parallel_bytes,
    tensor_parallel_s,
)
from planner.estimator.step_time.recompute import EVERYTHING, NOTHING
from planner.estimator.throughput_constants import THROUGHPUT as C


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


def test_states_divided_over_all_ranks_cost_more_than_inside_a_node(make_workload: Any) -> None:
    fields: dict[str, Any] = {"method": "full", "count": 1024, "framework": "internevo"}
    everywhere = make_workload(**fields, parallelism={"zero_stage": 1})
    in_node = make_workload(**fields, parallelism={"zero_stage": 1, "dp_shard": 8})
    assert data_parallel_s(everywhere, 1.0, C) > data_parallel_s(in_node, 1.0, C)


def test_only_what_exceeds_the_computation_is_fully_exposed() -> None:
    assert exposed_s(1.0, 10.0, 0.4) == pytest.approx(0.4)
    assert exposed_s(100.0, 10.0, 0.4) == pytest.approx(40.0 + 50.0)


def test_tensor_parallel_reduces_four_times_a_layer_and_twice_more_where_it_is_repeated(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"tp": 4, "sequence_parallel": True})
    volume = ring_all_reduce_bytes(4096 * 4096 * 2, 4)
    assert tensor_parallel_bytes(run, 4096.0, NOTHING) == pytest.approx(4 * 32 * volume)
    assert tensor_parallel_bytes(run, 4096.0, EVERYTHING) == pytest.approx(6 * 32 * volume)
    assert tensor_parallel_s(make_workload(), 4096.0, NOTHING, C) == 0.0


def test_overlapped_reductions_cost_less(make_workload: Any) -> None:
    def seconds(**changed: Any) -> float:
        parallelism = {"tp": 4, "sequence_parallel": True, **changed}
        run = make_workload(method="full", count=4, parallelism=parallelism)
        return tensor_parallel_s(run, 4096.0, NOTHING, C)

    assert seconds(tp_overlap=True) < seconds(tp_overlap=False) == seconds()


def test_vendor_tuned_software_overlaps_the_reductions_of_a_trained_base(make_workload: Any) -> None:
    fields: dict[str, Any] = {"count": 4, "parallelism": {"tp": 4, "sequence_parallel": True}, "framework": "nemo"}
    assert overlaps_tensor_parallel(make_workload(method="full", **fields))
    assert not overlaps_tensor_parallel(make_workload(**fields))


def test_context_parallel_passes_keys_and_values_round(make_workload: Any) -> None:
    run = make_workload(count=4, parallelism={"cp": 4})
    one_hop = 1024.0 * 2 * 1024 * 2
    assert context_parallel_bytes(run, 1024.0) == pytest.approx(3 * one_hop * 3 * 32)


def test_tokens_travel_to_each_of_their_experts_and_back_twice(make_workload: Any) -> None:
    run = make_workload(model="mixtral-8x7b", method="full", count=8, parallelism={"ep": 8})
    one_way = 1024.0 * 2 * 4096 * 2 * 7 / 8
    assert expert_parallel_bytes(run, 1024.0) == pytest.approx(4 * one_way * 32)
    assert expert_parallel_bytes(make_workload(), 1024.0) == 0.0


def test_a_stage_hands_on_hidden_states_once_for_each_of_its_parts(make_workload: Any) -> None:
    plain = make_workload(count=4, parallelism={"pp": 4})
    parts = make_workload(count=4, parallelism={"pp": 4, "pipeline_schedule": "interleaved", "virtual_stages": 2})
    assert pipeline_bytes(plain, 1024.0) == 2 * 1024 * 4096 * 2
    assert pipeline_bytes(parts, 1024.0) == 2 * pipeline_bytes(plain, 1024.0)
