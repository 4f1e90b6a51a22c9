from typing import Any

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.domain.estimate import Quantiles
from planner.estimator.memory.allocator import context_bytes, fits_probability, reserved_bytes
from planner.estimator.memory.timeline import build_timeline
from planner.units import GIB

A100 = load_catalog().accelerators["a100-80gb"]
CPU = load_catalog().accelerators["cpu-1core"]


def test_context_grows_with_the_devices_of_a_node() -> None:
    sizes = [context_bytes(A100, count) for count in (1, 2, 4, 8)]
    assert sizes == sorted(sizes)
    assert sizes[0] / GIB == pytest.approx(1.2, abs=0.01)
    assert sizes[1] / GIB == pytest.approx(1.2 + 1.26 + 1.16, abs=0.02)
    assert context_bytes(A100, 64) == sizes[-1]


def test_a_cpu_has_no_context() -> None:
    assert context_bytes(CPU, 1) == 0.0


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("seq_len", [128, 2048, 16384])
def test_the_allocator_never_holds_less_than_the_tensors(make_workload: Any, method: str, seq_len: int) -> None:
    run = make_workload(method=method, seq_len=seq_len)
    timeline = build_timeline(run)
    assert reserved_bytes(run, timeline) >= timeline.peak_bytes


def test_cache_alone_never_fills_a_card(make_workload: Any) -> None:
    run = make_workload(micro_batch_size=12)
    timeline = build_timeline(run)
    assert timeline.peak_bytes < 0.9 * A100.memory_bytes
    assert reserved_bytes(run, timeline) + context_bytes(A100, 1) <= A100.memory_bytes


def test_lengths_that_vary_leave_more_in_the_cache(make_workload: Any) -> None:
    packed, dynamic = make_workload(), make_workload(batching="dynamic", mean_tokens_per_sample=500)
    assert reserved_bytes(dynamic, build_timeline(dynamic)) > reserved_bytes(packed, build_timeline(packed))


def test_a_need_at_the_usable_share_fits_half_of_the_time() -> None:
    allocated = Quantiles.lognormal(0.95 * 80 * GIB - 2 * GIB, 0.1)
    assert fits_probability(allocated, 2 * GIB, 80 * GIB) == pytest.approx(0.5)


def test_the_probability_is_the_share_of_samples_below_the_limit() -> None:
    allocated = Quantiles.lognormal(60.0, 0.15)
    samples = 60.0 * np.exp(0.15 * np.random.default_rng(3).normal(size=200_000))
    assert fits_probability(allocated, 0.0, 70.0) == pytest.approx(float(np.mean(samples <= 0.95 * 70.0)), abs=0.005)
