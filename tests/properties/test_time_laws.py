"""Laws of time and cost, over random runs."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

LAW = settings(max_examples=60, deadline=None)
NEARLY = 1.0 + 1e-9


def step_s(estimate: Any) -> float:
    return float(sum(estimate.step_time_breakdown_s.values()))


@LAW
@given(data=st.data())
def test_terms_are_positive_and_add_up_to_the_speed(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    estimate = estimated(draw_run(data))
    assert all(seconds > 0 for seconds in estimate.step_time_breakdown_s.values())
    assert estimate.bottleneck in ("compute", "memory_bandwidth", "communication", "launch", "input")
    tokens = estimate.train_tokens / estimate.steps / estimate.num_accelerators
    assert estimate.tokens_per_s_per_accelerator.p50 == pytest.approx(tokens / step_s(estimate))


@LAW
@given(data=st.data())
def test_nothing_runs_faster_than_the_peak(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    assert 0 < estimated(draw_run(data)).mfu < 1


@LAW
@given(data=st.data(), factor=st.integers(2, 5))
@pytest.mark.parametrize("field", ["seq_len", "micro_batch_size", "gradient_accumulation_steps", "max_steps"])
def test_more_tokens_never_finish_sooner(
    field: str, data: st.DataObject, factor: int, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data)
    few, many = estimated(fields), estimated(fields, **{field: factor * fields[field]})
    for level in ("p10", "p50", "p90"):
        assert getattr(few.duration_s, level) <= getattr(many.duration_s, level) * NEARLY
        assert getattr(few.cost_usd, level) <= getattr(many.cost_usd, level) * NEARLY


@LAW
@given(data=st.data(), factor=st.floats(1.1, 8.0))
@pytest.mark.parametrize("field", ["link_bytes_per_s", "memory_bandwidth_bytes_per_s", "peak_flop_per_s"])
def test_a_faster_part_never_slows_the_run(
    field: str, data: st.DataObject, factor: float, draw_run: Any, estimated: Any, catalog_accelerator: Any
) -> None:
    fields = draw_run(data)
    slow = catalog_accelerator(fields["cluster"]["accelerator"])
    value = getattr(slow, field)
    faster = {d: factor * peak for d, peak in value.items()} if field == "peak_flop_per_s" else (value or 64e9) * factor
    fast = slow.model_copy(update={field: faster})
    before, after = (
        step_s(estimated(fields, cluster={**fields["cluster"], "accelerator": card})) for card in (slow, fast)
    )
    assert after <= before * NEARLY


@LAW
@given(data=st.data(), rate=st.floats(1e8, 1e11), factor=st.floats(1.1, 10.0))
def test_a_faster_network_never_slows_the_run(
    data: st.DataObject, rate: float, factor: float, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=32)
    slow, fast = (
        step_s(estimated(fields, cluster={**fields["cluster"], "inter_node_bytes_per_s_per_accelerator": bytes_per_s}))
        for bytes_per_s in (rate, rate * factor)
    )
    assert fast <= slow * NEARLY


@LAW
@given(data=st.data())
def test_recompute_never_saves_time(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data)
    none, full = (step_s(estimated(fields, activation_checkpointing=kind)) for kind in ("none", "full"))
    assert none <= full * NEARLY


@LAW
@given(data=st.data(), low=st.floats(0.0, 1.0), high=st.floats(0.0, 1.0))
def test_repeating_more_of_the_forward_pass_never_saves_time(
    data: st.DataObject, low: float, high: float, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data, activation_checkpointing="selective")
    less, more = (step_s(estimated(fields, activation_checkpointing_ratio=ratio)) for ratio in sorted((low, high)))
    assert less <= more * NEARLY


@LAW
@given(data=st.data(), accumulation=st.integers(1, 8))
def test_the_bubble_grows_with_the_stages_and_shrinks_with_their_parts(
    data: st.DataObject, accumulation: int, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data, accelerator="h100-sxm-80gb", count=8, gradient_accumulation_steps=accumulation)

    def bubble_ratio(stages: int, parts: int = 1) -> float:
        schedule = "interleaved" if parts > 1 else "1f1b"
        parallelism = {"pp": stages, "pipeline_schedule": schedule, "virtual_stages": parts}
        terms = estimated(fields, parallelism=parallelism).step_time_breakdown_s
        return float(terms["pipeline_bubble"] / sum(terms.get(name, 0.0) for name in ("matmul", "attention")))

    assert 0.0 < bubble_ratio(2) <= bubble_ratio(4) * NEARLY <= bubble_ratio(8) * NEARLY**2
    assert bubble_ratio(4, 2) <= bubble_ratio(4) * NEARLY


@LAW
@given(data=st.data())
@pytest.mark.parametrize(
    ("field", "better", "worse"),
    [
        ("compiler", "torch_compile", "none"),
        ("attention", "flash", "eager"),
        ("loss", "fused_ce", "full_logits"),
    ],
)
def test_better_kernels_never_slow_the_run(
    field: str, better: str, worse: str, data: st.DataObject, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data, framework="transformers", accelerator="a100-80gb", activation_checkpointing="none")
    fast, slow = (step_s(estimated(fields, **{field: kernel})) for kernel in (better, worse))
    assert fast <= slow * NEARLY


@LAW
@given(data=st.data())
def test_offload_never_saves_time(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=8, optimizer="adamw")
    inside, outside = (
        step_s(estimated(fields, parallelism={"zero_stage": 3, "cpu_offload": offload})) for offload in (False, True)
    )
    assert inside <= outside * NEARLY


@LAW
@given(data=st.data(), count=st.sampled_from((2, 4, 8, 16, 64)))
def test_more_ranks_do_not_speed_up_one_of_them(data: st.DataObject, count: int, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=1, parallelism={"zero_stage": 0})
    one = step_s(estimated(fields))
    assert one <= step_s(estimated(fields, cluster={**fields["cluster"], "count": count})) * NEARLY


@LAW
@given(data=st.data())
def test_cost_is_the_sum_of_its_rows(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    estimate = estimated(draw_run(data))
    assert estimate.cost_usd.p50 == sum(estimate.cost_breakdown_usd.values())
    assert estimate.cost_usd.p50 == pytest.approx(2.0 * estimate.accelerator_hours.p50)


@LAW
@given(data=st.data())
def test_frozen_weights_never_need_more_flop_than_trained_ones(
    data: st.DataObject, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data, method="lora")
    assert estimated(fields).flop < estimated(fields, method="full", lora=None).flop
