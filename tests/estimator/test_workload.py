from typing import Any

import pytest

from planner.errors import ConfigError, UnknownFieldError


@pytest.mark.parametrize(
    "field",
    [
        "model",
        "method",
        "precision",
        "optimizer",
        "seq_len",
        "micro_batch_size",
        "activation_checkpointing",
        "loss",
        "batching",
    ],
)
def test_a_field_that_is_not_known_is_named(make_workload: Any, field: str) -> None:
    with pytest.raises(UnknownFieldError, match=rf"^{field} is not known"):
        make_workload(**{field: None})


def test_an_adapter_without_rank_is_named(make_workload: Any) -> None:
    with pytest.raises(UnknownFieldError, match=r"^lora\.rank is not known"):
        make_workload(lora={"targets": "attn_qv"})


def test_logged_trainable_parameters_go_before_the_formula(make_workload: Any) -> None:
    assert make_workload(trainable_params=1234).trainable_params == 1234


def test_tokens_of_a_step_come_from_all_data_parallel_ranks(make_workload: Any) -> None:
    layout = {"tp": 2, "cp": 2, "sequence_parallel": True}
    run = make_workload(count=8, parallelism=layout, gradient_accumulation_steps=3)
    assert run.tokens_per_step == 2 * 3 * 2 * 2048
    assert run.pass_tokens == 2 * 2048 / 2


def test_dynamic_padding_feeds_the_mean_and_holds_the_longest(make_workload: Any) -> None:
    run = make_workload(batching="dynamic", mean_tokens_per_sample=300, max_tokens_per_sample=1500)
    assert (run.fed_tokens, run.longest_tokens) == (300, 1500)


def test_the_higher_the_cap_the_further_the_longest_sample_stays_below_it(make_workload: Any) -> None:
    longest = [make_workload(batching="dynamic", seq_len=cap).longest_tokens / cap for cap in (256, 1024, 4096, 16384)]
    assert 0.9 < longest[0] < 1.0
    assert longest == sorted(longest, reverse=True)


def test_software_that_feeds_the_longest_sample_first_knows_its_length(make_workload: Any) -> None:
    assert make_workload(batching="dynamic", seq_len=4096, framework="litgpt").longest_tokens == 4096


def test_more_trained_parameters_than_the_model_has_are_refused(make_workload: Any) -> None:
    with pytest.raises(ConfigError, match=r"^trainable_params 90,000,000,000 exceeds the 8,030,261,248 parameters"):
        make_workload(trainable_params=90_000_000_000)


def test_pairs_are_fed_as_two_sequences(make_workload: Any) -> None:
    assert make_workload(objective="dpo").micro_batch_size == 2 * make_workload().micro_batch_size


def test_grouped_heads_are_repeated_where_scores_are_written_out_or_software_copies_them(make_workload: Any) -> None:
    assert make_workload(attention="eager").repeats_key_heads
    assert make_workload(attention="sdpa", framework="litgpt").repeats_key_heads
    assert not make_workload(attention="sdpa").repeats_key_heads
    assert not make_workload(attention="flash", framework="litgpt").repeats_key_heads
    assert not make_workload(attention="eager", compiler="torch_compile").repeats_key_heads


def test_loss_without_upcast_follows_the_model_and_its_precision(make_workload: Any) -> None:
    model = "starcoder-15b"
    assert make_workload(model=model, method="full").loss_entry_ratio == pytest.approx(8 / 14)
    mixed = {"model": model, "method": "full", "precision": "bf16-mixed"}
    assert make_workload(**mixed).loss_entry_ratio == 1.0
    assert make_workload(**mixed, loss="fused_ce").loss_entry_ratio == pytest.approx(6 / 8)


def test_fixed_padding_feeds_every_position(make_workload: Any) -> None:
    assert make_workload(batching="padded", mean_tokens_per_sample=300).fed_tokens == 2048


def test_autocast_in_16_bit_trains_fp32_shards(make_workload: Any) -> None:
    amp = {"weights_dtype": "bf16", "compute_dtype": "bf16", "amp": True}
    sharded = make_workload(method="full", precision=amp, count=2, parallelism={"zero_stage": 3})
    single = make_workload(method="full", precision=amp)
    assert (sharded.trained_bytes, single.trained_bytes) == (4.0, 2.0)
