from typing import Any

import pytest

from planner.estimator.unknowns import MAX_ALTERNATIVES, expand
from planner.estimator.workload_of_run import workload

EVERYTHING_UNKNOWN: dict[str, Any] = {
    "method": None,
    "lora": None,
    "precision": None,
    "batching": None,
    "activation_checkpointing": None,
    "attention": None,
    "loss": None,
    "optimizer": None,
    "gradient_accumulation_steps": None,
    "parallelism": {"zero_stage": None},
    "count": 4,
}


def test_a_known_run_has_one_alternative(make_config: Any) -> None:
    config = make_config()
    alternatives, names = expand(config)
    assert [alternative.config for alternative in alternatives] == [config]
    assert names == ()


def test_unknown_fields_are_named_and_bounded(make_config: Any) -> None:
    alternatives, names = expand(make_config(**EVERYTHING_UNKNOWN))
    assert 2 <= len(alternatives) <= MAX_ALTERNATIVES
    assert {
        "method",
        "precision",
        "activation_checkpointing",
        "parallelism.zero_stage",
        "gradient_accumulation_steps",
        "batching",
        "loss",
        "attention",
        "optimizer",
        "lora.rank",
        "lora.targets",
    } == set(names)


def test_every_alternative_is_fully_known(make_config: Any) -> None:
    for alternative in expand(make_config(**EVERYTHING_UNKNOWN))[0]:
        workload(alternative.config)


@pytest.mark.parametrize(
    "unknown", [EVERYTHING_UNKNOWN, {"activation_checkpointing": None}, {"loss": None, "batching": None}]
)
def test_weights_add_up_to_one(make_config: Any, unknown: dict[str, Any]) -> None:
    assert sum(alternative.weight for alternative in expand(make_config(**unknown))[0]) == pytest.approx(1.0)


def test_unknown_checkpointing_may_be_none_or_full(make_config: Any) -> None:
    alternatives, names = expand(make_config(activation_checkpointing=None))
    assert {a.config.activation_checkpointing for a in alternatives} == {"none", "full"}
    assert names == ("activation_checkpointing",)


def test_a_known_count_of_trainable_parameters_settles_rank_and_targets(make_config: Any) -> None:
    alternatives, names = expand(make_config(lora=None, trainable_params=41_943_040))
    (only,) = alternatives
    assert only.config.lora is not None
    assert only.config.lora.rank == 16
    assert names == ("lora.rank",)


def test_qlora_without_a_format_may_be_either_kind_of_nf4(make_config: Any) -> None:
    alternatives, _ = expand(make_config(method="qlora"))
    assert {a.config.base_quantization for a in alternatives} == {"nf4", "nf4_dq"}


def test_a_run_with_an_adapter_is_not_taken_for_full_fine_tuning(make_config: Any) -> None:
    assert {a.config.method for a in expand(make_config(method=None))[0]} == {"lora", "qlora"}


def test_an_unknown_precision_is_fp32_on_a_cpu_and_fp16_on_an_old_card(make_config: Any) -> None:
    def dtypes(accelerator: str) -> set[str]:
        config = make_config(model="qwen2-0.5b", accelerator=accelerator, precision=None)
        return {a.config.precision.compute_dtype for a in expand(config)[0] if a.config.precision}

    assert dtypes("cpu-1core") == {"fp32"}
    assert dtypes("t4-16gb") == {"fp16"}
    assert dtypes("a100-80gb") == {"bf16"}


def test_dynamic_padding_without_a_mean_spans_short_and_long_samples(make_config: Any) -> None:
    alternatives, names = expand(make_config(batching="dynamic"))
    means = [a.config.mean_tokens_per_sample for a in alternatives]
    assert means == [pytest.approx(0.3 * 2048), pytest.approx(0.9 * 2048)]
    assert names == ("mean_tokens_per_sample",)


def test_an_unknown_loss_is_likely_the_documented_one_of_the_software_and_never_taken_for_certain(
    make_config: Any,
) -> None:
    alternatives, _ = expand(make_config(loss=None, framework="llm-foundry"))
    found = {alternative.config.loss: alternative.weight for alternative in alternatives}
    assert set(found) == {"fused_ce", "full_logits"}
    assert found["fused_ce"] > found["full_logits"]
