from typing import Any

import pytest

from planner.domain.run_config import RunConfig
from planner.errors import UnknownFieldError
from planner.estimator.adapter_size import AdapterSize, adapter_size

H, Q, KV, F, LAYERS = 4096, 4096, 1024, 14336, 32


def size(make_config: Any, adapter: str, **changed: Any) -> AdapterSize:
    config: RunConfig = make_config(method="adapter", adapter=adapter, **changed)
    assert config.model is not None
    return adapter_size(config, config.model)


def on_qv(**changed: Any) -> dict[str, Any]:
    return {"lora": {"rank": 8, "targets": "attn_qv", **changed}}


def test_the_known_count_goes_before_the_formula(make_config: Any) -> None:
    assert size(make_config, "vera", trainable_params=123_456, **on_qv()).trainable_params == 123_456


@pytest.mark.parametrize(
    ("adapter", "per_layer"),
    [
        ("lora", 8 * (H + Q) + 8 * (H + KV)),
        ("dora", 8 * (H + Q) + 8 * (H + KV) + Q + KV),
        ("adalora", 12 * (H + Q) + 12 * (H + KV)),
        ("loha", 16 * (H + Q) + 16 * (H + KV)),
        ("lora_fa", 8 * (Q + KV)),
        ("ia3", Q + KV),
    ],
)
def test_trained_parameters_follow_the_definition_of_each_kind(make_config: Any, adapter: str, per_layer: int) -> None:
    assert size(make_config, adapter, **on_qv()).trainable_params == LAYERS * per_layer


@pytest.mark.parametrize(
    ("adapter", "trained"),
    [
        ("prompt_tuning", 20 * H),
        ("prefix_tuning", 20 * 2 * KV * LAYERS),
        ("adaption_prompt", 20 * H * LAYERS + LAYERS),
        ("p_tuning", 20 * H + 3 * (H * H + H)),
    ],
)
def test_virtual_tokens_and_trained_parameters_give_each_other(make_config: Any, adapter: str, trained: int) -> None:
    by_tokens = size(make_config, adapter, lora=None, virtual_tokens=20)
    by_count = size(make_config, adapter, lora=None, trainable_params=trained)
    assert by_tokens.trainable_params == trained
    assert by_tokens[2:] == pytest.approx(by_count[2:])
    assert by_count.virtual_tokens + by_count.virtual_keys == pytest.approx(20.0)


def test_prompt_tokens_pass_through_the_model_and_prefixes_do_not(make_config: Any) -> None:
    assert size(make_config, "prompt_tuning", lora=None, virtual_tokens=20).virtual_tokens == 20
    assert size(make_config, "prefix_tuning", lora=None, virtual_tokens=20).virtual_tokens == 0


def test_tuning_norms_trains_all_norms(make_config: Any) -> None:
    assert size(make_config, "ln_tuning", lora=None).trainable_params == (2 * LAYERS + 1) * H


def test_modules_trained_whole_are_added(make_config: Any) -> None:
    alone = size(make_config, "lora", **on_qv()).trainable_params
    saved = size(make_config, "lora", **on_qv(modules_to_save=["embeddings", "head"])).trainable_params
    assert saved - alone == 2 * 128_256 * H


def test_kinds_that_make_a_matrix_make_one_as_large_as_the_adapted(make_config: Any) -> None:
    assert size(make_config, "loha", **on_qv()).delta_params_per_layer == H * Q + H * KV
    assert size(make_config, "lora", **on_qv()).delta_params_per_layer == 0


@pytest.mark.parametrize(
    ("adapter", "changed", "field"),
    [
        (None, on_qv(), "adapter"),
        ("prompt_tuning", {"lora": None}, "virtual_tokens"),
        ("ia3", {"lora": None}, "lora.targets"),
        ("loha", {"lora": {"targets": "attn_qv"}}, "lora.rank"),
        ("boft", on_qv(), "trainable_params"),
    ],
)
def test_what_settles_no_size_is_named(make_config: Any, adapter: Any, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(UnknownFieldError, match=rf"^{field} is not known"):
        size(make_config, adapter, **changed)
