from typing import Any

from planner.estimator.step_time.recompute import ATTENTION_CORE, EVERYTHING, NOTHING, repeated


def test_full_and_offloaded_checkpointing_repeat_the_forward_pass(make_workload: Any) -> None:
    assert repeated(make_workload(activation_checkpointing="none")) == NOTHING
    for kind in ("full", "offloaded"):
        assert repeated(make_workload(activation_checkpointing=kind)) == EVERYTHING


def test_selective_means_the_core_of_attention_for_vendor_tuned_software(make_workload: Any) -> None:
    assert repeated(make_workload(activation_checkpointing="selective", framework="megatron-lm")) == ATTENTION_CORE


def test_a_stated_share_of_whole_layers_repeats_that_share_of_everything(make_workload: Any) -> None:
    run = make_workload(
        activation_checkpointing="selective", activation_checkpointing_ratio=21 / 80, framework="megatron-lm"
    )
    assert repeated(run) == (21 / 80, 21 / 80, 21 / 80)


def test_compiled_software_keeps_attention_and_repeats_what_is_cheap(make_workload: Any) -> None:
    run = make_workload(
        activation_checkpointing="selective", activation_checkpointing_ratio=0.5, compiler="torch_compile"
    )
    assert repeated(run) == (0.5, 0.0, 1.0)
