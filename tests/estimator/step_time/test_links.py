from typing import Any

import pytest

from planner.estimator.step_time.links import collective_bytes_per_s, leaves_domain, link_domain
from planner.estimator.throughput_constants import THROUGHPUT as C

SLOW = {"inter_node_bytes_per_s_per_accelerator": 1e9}


def test_a_ring_that_leaves_the_node_is_bound_by_the_network(make_workload: Any) -> None:
    inside, outside = make_workload(count=8, cluster=SLOW), make_workload(count=16, cluster=SLOW)
    assert collective_bytes_per_s(inside, 8, 1, C) == pytest.approx(C.link_ratio * 300e9)
    assert collective_bytes_per_s(outside, 16, 1, C) == pytest.approx(C.network_ratio * 8e9)


def test_rings_side_by_side_share_the_network_of_a_node(make_workload: Any) -> None:
    run = make_workload(count=64, cluster=SLOW, parallelism={"tp": 8, "sequence_parallel": True})
    assert collective_bytes_per_s(run, 8, 8, C) == pytest.approx(C.network_ratio * 1e9)


def test_a_rack_and_a_slice_are_one_domain(make_workload: Any) -> None:
    assert link_domain(make_workload(accelerator="gb200-186gb", count=144)) == 72
    assert link_domain(make_workload(accelerator="tpu-v5p", count=256)) == 256
    assert link_domain(make_workload(accelerator="h100-sxm-80gb", count=256)) == 8


def test_a_single_rank_sends_nothing_out(make_workload: Any) -> None:
    run = make_workload(count=64)
    assert not leaves_domain(run, 1, 1)
    assert leaves_domain(run, 64, 1)
    assert not leaves_domain(run, 8, 1)
