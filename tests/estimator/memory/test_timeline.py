from typing import Any

import pytest

from planner.estimator.memory.timeline import build_timeline


def test_moments_come_in_the_order_of_a_step(make_workload: Any) -> None:
    assert list(build_timeline(make_workload()).moments) == ["load", "forward", "loss", "backward", "optimizer"]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_peak_is_the_largest_moment_not_the_sum_of_all(make_workload: Any, method: str) -> None:
    timeline = build_timeline(make_workload(method=method))
    by_hand = [sum(who.values()) for who in timeline.moments.values()]
    assert timeline.peak_bytes == max(by_hand)
    everybody: dict[str, float] = {}
    for who in timeline.moments.values():
        for tenant, held in who.items():
            everybody[tenant] = max(held, everybody.get(tenant, 0.0))
    assert timeline.peak_bytes < sum(everybody.values())


def test_full_fine_tuning_on_short_batches_peaks_in_the_optimizer_step(make_workload: Any) -> None:
    run = make_workload(method="full", seq_len=64, micro_batch_size=1)
    timeline = build_timeline(run)
    assert timeline.totals_bytes["optimizer"] == timeline.peak_bytes
    assert timeline.peak_bytes == 10 * run.params.total


def test_a_fused_optimizer_saves_the_temporaries(make_workload: Any) -> None:
    run = make_workload(method="full", seq_len=64, micro_batch_size=1, optimizer="adamw_fused")
    assert build_timeline(run).totals_bytes["optimizer"] == 8 * run.params.total


def test_sharded_autocast_needs_twenty_bytes_a_parameter_at_the_step(make_workload: Any) -> None:
    run = make_workload(method="full", count=4, parallelism={"zero_stage": 3}, precision="bf16-mixed")
    assert build_timeline(run).totals_bytes["optimizer"] == pytest.approx(20 * run.params.total / 4)


def test_a_lora_run_peaks_at_the_loss(make_workload: Any) -> None:
    timeline = build_timeline(make_workload())
    assert timeline.totals_bytes["loss"] == timeline.peak_bytes


def test_accumulation_keeps_gradients_through_the_forward_pass(make_workload: Any) -> None:
    one = build_timeline(make_workload(method="full"))
    many = build_timeline(make_workload(method="full", gradient_accumulation_steps=4))
    assert "gradients" not in one.moments["forward"]
    assert many.moments["forward"]["gradients"] > 0


def test_the_fuller_end_of_the_pipeline_is_shown(make_workload: Any) -> None:
    deep = make_workload(
        method="full",
        count=4,
        parallelism={"pp": 4},
        gradient_accumulation_steps=8,
        activation_checkpointing="none",
        loss="fused_linear_ce",
    )
    assert "logits" not in build_timeline(deep).moments["loss"]
    wide = make_workload(method="full", count=4, parallelism={"pp": 4}, activation_checkpointing="full")
    assert build_timeline(wide).moments["loss"]["logits"] > 0
