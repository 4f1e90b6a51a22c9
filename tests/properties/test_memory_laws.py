"""Laws of memory, over random runs."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

LAW = settings(max_examples=60, deadline=None)
FEWER = settings(max_examples=25, deadline=None)
NEARLY = 1.0 + 1e-9


def peaks(estimate: Any) -> tuple[float, float]:
    """Tensors and device: what the laws compare."""
    return estimate.memory.peak_allocated_bytes.p50, estimate.memory.peak_device_bytes.p50


@LAW
@given(data=st.data())
def test_tensors_fit_in_the_cache_and_the_cache_in_the_device(
    data: st.DataObject, draw_run: Any, estimated: Any
) -> None:
    memory = estimated(draw_run(data)).memory
    assert memory.peak_allocated_bytes.p50 <= memory.peak_reserved_bytes.p50 <= memory.peak_device_bytes.p50
    assert 0 <= memory.fits_probability <= 1


@LAW
@given(data=st.data())
def test_tenants_of_the_largest_moment_add_up_to_the_peak(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    memory = estimated(draw_run(data)).memory
    totals = [sum(moment.tenants_bytes.values()) for moment in memory.timeline]
    assert max(totals) == memory.peak.total_bytes == memory.peak_allocated_bytes.p50
    assert all(held > 0 for moment in memory.timeline for held in moment.tenants_bytes.values())


@LAW
@given(data=st.data(), factor=st.integers(2, 4))
@pytest.mark.parametrize("field", ["seq_len", "micro_batch_size"])
def test_more_tokens_never_need_less(
    field: str, data: st.DataObject, factor: int, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data)
    few, many = peaks(estimated(fields)), peaks(estimated(fields, **{field: fields[field] * factor}))
    assert few[0] <= many[0] * NEARLY
    assert few[1] <= many[1] * NEARLY


@LAW
@given(data=st.data(), factor=st.integers(2, 64))
def test_a_higher_rank_never_needs_less(data: st.DataObject, factor: int, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data, method="lora")
    lora = {**fields["lora"], "rank": fields["lora"]["rank"] * factor}
    low, high = peaks(estimated(fields)), peaks(estimated(fields, lora=lora))
    assert low[0] <= high[0] * NEARLY
    assert low[1] <= high[1] * NEARLY


@LAW
@given(data=st.data(), more=st.integers(1, 40))
def test_more_layers_never_need_less(
    data: st.DataObject, more: int, draw_run: Any, estimated: Any, catalog_model: Any
) -> None:
    fields = draw_run(data)
    model = catalog_model(fields["model"])
    deeper = model.model_copy(update={"num_layers": model.num_layers + more})
    small, large = peaks(estimated(fields, model=model)), peaks(estimated(fields, model=deeper))
    assert small[0] <= large[0] * NEARLY
    assert small[1] <= large[1] * NEARLY


@LAW
@given(data=st.data())
def test_more_shards_never_hold_more_tensors(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=2, parallelism={"zero_stage": 3})
    held = [
        peaks(estimated(fields, cluster={**fields["cluster"], "count": count}))[0] for count in (2, 4, 8, 16, 64, 256)
    ]
    assert all(fewer * NEARLY >= more for fewer, more in pairwise(held))


@LAW
@given(data=st.data(), count=st.sampled_from((2, 4, 8, 32)))
def test_a_higher_zero_stage_never_holds_more_of_a_full_fine_tuning(
    data: st.DataObject, count: int, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=count, method="full", precision="bf16-mixed")
    held = [peaks(estimated(fields, parallelism={"zero_stage": stage}))[0] for stage in (0, 1, 2)]
    assert held[0] * NEARLY >= held[1]
    assert held[1] * NEARLY >= held[2]


@LAW
@given(data=st.data())
def test_checkpointing_never_needs_more_than_none(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data)
    without = peaks(estimated(fields, activation_checkpointing="none"))
    for kind in ("selective", "full", "offloaded"):
        held = peaks(estimated(fields, activation_checkpointing=kind))
        assert held[0] <= without[0] * NEARLY
        assert held[1] <= without[1] * NEARLY


@LAW
@given(data=st.data())
def test_eager_attention_never_needs_less_than_flash(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data)
    assert peaks(estimated(fields, attention="flash"))[0] <= peaks(estimated(fields, attention="eager"))[0] * NEARLY


@LAW
@given(data=st.data())
def test_a_4_bit_base_holds_fewer_bytes_of_weights(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data, method="lora", precision="bf16")
    plain = estimated(fields).memory.timeline[0].tenants_bytes["weights"]
    packed = estimated(fields, method="qlora", base_quantization="nf4_dq", loss="fused_ce")
    assert packed.memory.timeline[0].tenants_bytes["weights"] < plain


@LAW
@given(data=st.data())
def test_a_larger_card_never_fits_less_likely(
    data: st.DataObject, draw_run: Any, estimated: Any, catalog_accelerator: Any
) -> None:
    fields = draw_run(data)
    small = catalog_accelerator(fields["cluster"]["accelerator"])
    large = small.model_copy(update={"memory_bytes": 2 * small.memory_bytes})
    fits = [
        estimated(fields, cluster={**fields["cluster"], "accelerator": card}).memory.fits_probability
        for card in (small, large)
    ]
    assert fits[0] <= fits[1]


@LAW
@given(data=st.data(), forgotten=st.sampled_from(("activation_checkpointing", "loss", "attention", "optimizer")))
def test_a_forgotten_field_never_narrows_the_estimate(
    data: st.DataObject, forgotten: str, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data)
    unknown = estimated(fields, **{forgotten: None})
    assert forgotten in unknown.unknowns
    known_log_sd = estimated(fields).memory.peak_allocated_bytes.log_sd
    assert unknown.memory.peak_allocated_bytes.log_sd >= 0.8 * known_log_sd


ADAPTERS = (
    "lora",
    "dora",
    "loha",
    "lora_fa",
    "vera",
    "ia3",
    "oft",
    "boft",
    "bone",
    "shira",
    "ln_tuning",
    "prompt_tuning",
    "prefix_tuning",
    "p_tuning",
    "adaption_prompt",
    "llama_adapter_v2",
    "bottleneck",
    "trainable_tokens",
)


def adapter_run(data: st.DataObject, draw_run: Any, **fixed: Any) -> dict[str, Any]:
    """A run with any kind of adapter, and lengths that vary or not."""
    fields: dict[str, Any] = draw_run(data, method="lora", **fixed)
    changed = {
        "method": "adapter",
        "adapter": data.draw(st.sampled_from(ADAPTERS)),
        "trainable_params": data.draw(st.integers(2_000, 50_000_000)),
        "batching": data.draw(st.sampled_from(("packed", "dynamic", "padding_free"))),
        "length_order": data.draw(st.sampled_from(("longest_first", "random"))),
    }
    if changed["batching"] != "packed":
        changed["mean_tokens_per_sample"] = data.draw(st.integers(1, fields["seq_len"]))
    return {**fields, **changed}


@FEWER
@given(data=st.data(), factor=st.integers(2, 4))
@pytest.mark.parametrize("field", ["seq_len", "micro_batch_size"])
def test_more_tokens_never_need_less_whatever_the_adapter(
    field: str, data: st.DataObject, factor: int, draw_run: Any, estimated: Any
) -> None:
    fields = adapter_run(data, draw_run)
    few, many = peaks(estimated(fields)), peaks(estimated(fields, **{field: fields[field] * factor}))
    assert few[0] <= many[0] * NEARLY
    assert few[1] <= many[1] * NEARLY


@FEWER
@given(data=st.data())
def test_any_adapter_needs_no_more_under_checkpointing(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = adapter_run(data, draw_run)
    without = peaks(estimated(fields, activation_checkpointing="none"))
    for kind in ("selective", "full", "offloaded"):
        held = peaks(estimated(fields, activation_checkpointing=kind))
        assert held[0] <= without[0] * NEARLY
        assert held[1] <= without[1] * NEARLY


@FEWER
@given(data=st.data())
def test_any_adapter_holds_tensors_within_the_cache_within_the_device(
    data: st.DataObject, draw_run: Any, estimated: Any
) -> None:
    memory = estimated(adapter_run(data, draw_run)).memory
    assert memory.peak.total_bytes == memory.peak_allocated_bytes.p50
    assert memory.peak_allocated_bytes.p50 <= memory.peak_reserved_bytes.p50 <= memory.peak_device_bytes.p50


@FEWER
@given(data=st.data(), objective=st.sampled_from(("dpo", "ppo", "grpo")))
def test_learning_from_preferences_never_needs_less(
    objective: str, data: st.DataObject, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data)
    plain, preferred = peaks(estimated(fields)), peaks(estimated(fields, objective=objective))
    assert plain[0] <= preferred[0] * NEARLY
    assert plain[1] <= preferred[1] * NEARLY


@FEWER
@given(data=st.data(), tokens=st.integers(1, 4096))
def test_longer_generation_never_needs_less(data: st.DataObject, tokens: int, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data)
    held = [peaks(estimated(fields))[0]]
    held += [
        peaks(estimated(fields, generation={"batch_size": 16, "max_new_tokens": count}))[0]
        for count in (tokens, 2 * tokens)
    ]
    assert held[0] <= held[1] * NEARLY <= held[2] * NEARLY**2


@FEWER
@given(data=st.data())
def test_tensor_parallelism_never_holds_more(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=8)
    held = [
        peaks(estimated(fields, parallelism={"tp": tp, "sequence_parallel": divides, "zero_stage": 0}))[0]
        for tp, divides in ((1, None), (2, False), (2, True))
    ]
    assert held[0] * NEARLY >= held[1] >= held[2] / NEARLY


@FEWER
@given(data=st.data(), stage=st.sampled_from((1, 2, 3)), place=st.sampled_from(("cpu_offload", "nvme_offload")))
def test_offloading_never_holds_more_on_the_device(
    stage: int, place: str, data: st.DataObject, draw_run: Any, estimated: Any
) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=4)
    here = peaks(estimated(fields, parallelism={"zero_stage": stage}))[0]
    assert peaks(estimated(fields, parallelism={"zero_stage": stage, place: True}))[0] <= here * NEARLY


@FEWER
@given(data=st.data())
def test_pipelines_that_hold_more_micro_batches_need_more(data: st.DataObject, draw_run: Any, estimated: Any) -> None:
    fields = draw_run(data, accelerator="a100-80gb", count=4, gradient_accumulation_steps=8)
    schedules: tuple[dict[str, Any], ...] = (
        {},
        {"pipeline_schedule": "interleaved", "virtual_stages": 2},
        {"pipeline_schedule": "gpipe"},
    )
    held = [peaks(estimated(fields, parallelism={"pp": 4, **schedule}))[0] for schedule in schedules]
    assert held[0] <= held[1] * NEARLY <= held[2] * NEARLY**2
