from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import GpuUsage, MetricPoint, RunFacts
from planner.dialects.interpret import interpret

MakeFacts = Callable[..., RunFacts]


def test_times_of_a_run(catalog: Catalog, hf_facts: MakeFacts) -> None:
    actual = interpret(hf_facts(metrics={"train_runtime": 100.0}), catalog).actual
    assert (actual.duration_s, actual.train_s, actual.start_up_s) == (120.0, 100.0, 20.0)
    assert (actual.steps, actual.step_time_s) == (10, 10.0)


def test_a_loop_longer_than_its_run_tells_no_start_up(catalog: Catalog, hf_facts: MakeFacts) -> None:
    assert interpret(hf_facts(metrics={"train_runtime": 130.0}), catalog).actual.start_up_s is None


def test_a_resumed_run_has_no_step_time(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts({"resume_from_checkpoint": "out/checkpoint-5"}, metrics={"train_runtime": 100.0}), catalog)
    assert run.actual.step_time_s is None
    assert "resume" in run.origins["actual.step_time_s"].rule


def test_an_open_run_has_no_duration(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(status="RUNNING", ended_at=None), catalog)
    assert (run.status, run.actual.duration_s) == ("RUNNING", None)


def test_a_failed_run_keeps_its_status_and_the_step_it_reached(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(status="FAILED", metrics={"loss": 2.0}), catalog)
    assert (run.status, run.actual.steps, run.actual.duration_s) == ("FAILED", 10, 120.0)


@pytest.mark.parametrize(
    ("deltas", "peak"),
    [
        # before, init alloc, train alloc, train peaked, init peaked
        ((1000.0, 200.0, 300.0, 50.0, 0.0), 1550.0),
        ((1000.0, 200.0, -100.0, 0.0, 900.0), 2100.0),  # the model was made in more memory than it was trained in
    ],
)
def test_the_trackers_peak_comes_on_top_of_what_a_stage_leaves(
    catalog: Catalog, hf_facts: MakeFacts, deltas: tuple[float, ...], peak: float
) -> None:
    names = ("before_init_mem_{}", "init_mem_{}_alloc_delta", "train_mem_{}_alloc_delta", "train_mem_{}_peaked_delta",
             "init_mem_{}_peaked_delta")  # fmt: skip
    for device, field in (("cpu", "host_peak_bytes"), ("gpu", "peak_allocated_bytes")):
        metrics = {name.format(device): value for name, value in zip(names, deltas, strict=True)}
        assert getattr(interpret(hf_facts(metrics=metrics), catalog).actual, field) == peak


def test_the_largest_sample_of_all_cards_is_the_device_peak(catalog: Catalog, hf_facts: MakeFacts) -> None:
    gpus = (
        GpuUsage("a", 0, 3e9, None, None, None),
        GpuUsage("b", 0, 5e9, None, None, None),
        GpuUsage("b", 1, None, None, None, None),
    )
    run = interpret(hf_facts(gpus=gpus, network_bytes=7e9), catalog)
    assert (run.actual.peak_device_bytes, run.actual.network_bytes) == (5e9, 7e9)
    assert "lower bound" in run.origins["actual.peak_device_bytes"].rule


def test_metrics_that_are_no_numbers_are_unknown(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(metrics={"train_runtime": None, "total_flos": -5.0}), catalog)
    assert (run.actual.train_s, run.actual.flop, run.actual.step_time_s) == (None, None, None)


def test_a_run_that_ends_before_it_starts_has_no_duration(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(ended_at=datetime(2026, 11, 2, 8, tzinfo=UTC)), catalog)
    assert run.actual.duration_s is None
    assert "3600 s before" in run.origins["actual.duration_s"].rule


def test_a_token_count_of_another_step_is_not_used(catalog: Catalog, hf_facts: MakeFacts) -> None:
    facts = hf_facts(metrics={"total_flos": 1e15})
    facts.metrics["num_tokens"] = MetricPoint(5000.0, 9)
    assert "logged tokens" not in interpret(facts, catalog).origins["seq_len"].rule
