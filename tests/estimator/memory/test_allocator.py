from typing import Any

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.estimator.memory.allocator import context_bytes, fits_probability, reserved_bytes, usable_bytes
from planner.estimator.memory.timeline import build_timeline
from planner.estimator.memory_constants import MEMORY

A100 = load_catalog().accelerators["a100-80gb"]


def test_context_grows_with_the_devices_of_a_node(make_workload: Any) -> None:
    sizes = [context_bytes(make_workload(count=count)) for count in (1, 2, 4, 8)]
    assert sizes == sorted(sizes)
    assert sizes[0] == MEMORY.context_bytes
    assert sizes[1] - sizes[0] == pytest.approx(MEMORY.communicator_bytes + MEMORY.communicator_doubling_bytes)
    assert context_bytes(make_workload(count=64)) == sizes[-1]


def test_kernels_of_packed_weights_need_memory_outside_the_allocator(make_workload: Any) -> None:
    nf4, gptq = (make_workload(method="qlora", base_quantization=base) for base in ("nf4", "gptq4"))
    assert context_bytes(gptq) - context_bytes(nf4) == pytest.approx(MEMORY.packed_kernels_bytes)


def test_a_cpu_has_no_context(make_workload: Any) -> None:
    assert context_bytes(make_workload(model="qwen2-0.5b", accelerator="cpu-1core", precision="fp32")) == 0.0


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
    assert reserved_bytes(run, timeline) + context_bytes(run) <= A100.memory_bytes


def test_lengths_that_vary_leave_more_in_the_cache(make_workload: Any) -> None:
    packed, dynamic = make_workload(), make_workload(batching="dynamic", mean_tokens_per_sample=500)
    assert reserved_bytes(dynamic, build_timeline(dynamic)) > reserved_bytes(packed, build_timeline(packed))


def test_batches_sorted_by_length_leave_least_in_the_cache(make_workload: Any) -> None:
    batches = {"batching": "dynamic", "mean_tokens_per_sample": 500}
    sorted_, random = (make_workload(**batches, length_order=order) for order in ("longest_first", "random"))
    assert reserved_bytes(sorted_, build_timeline(sorted_)) < reserved_bytes(random, build_timeline(random))


def test_tuned_software_fills_more_of_a_card(make_workload: Any) -> None:
    stock, tuned = make_workload(), make_workload(framework="nemo")
    assert usable_bytes(stock) == pytest.approx(0.95 * A100.memory_bytes)
    assert usable_bytes(stock) < usable_bytes(tuned) < A100.memory_bytes


def test_a_need_at_the_usable_share_fits_half_of_the_time() -> None:
    assert fits_probability(70.0, 0.1, 70.0) == pytest.approx(0.5)


def test_the_probability_is_the_share_of_samples_below_the_limit() -> None:
    samples = 60.0 * np.exp(0.15 * np.random.default_rng(3).normal(size=200_000))
    assert fits_probability(60.0, 0.15, 66.5) == pytest.approx(float(np.mean(samples <= 66.5)), abs=0.005)
