from typing import Any

import pytest
from pydantic import ValidationError

from planner.domain.model_spec import ModelSpec

DENSE: dict[str, Any] = {
    "name": "m", "num_layers": 8, "hidden_dim": 64, "num_heads": 4, "num_kv_heads": 2, "head_dim": 16, "ffn_dim": 128,
    "vocab_size": 1000,
}  # fmt: skip
MIXTURE = {**DENSE, "num_experts": 4, "experts_per_token": 2}
LATENT = {**DENSE, "num_kv_heads": 4, "kv_lora_rank": 32, "qk_rope_head_dim": 8}


def test_a_row_written_before_mixtures_and_latents_means_what_it_meant() -> None:
    spec = ModelSpec(**DENSE)
    assert (spec.num_moe_layers, spec.v_dim, spec.qk_norm, spec.first_dense_layers) == (0, 64, "none", 0)


@pytest.mark.parametrize(
    ("given", "num_moe_layers"),
    [
        ({}, 8),
        ({"first_dense_layers": 3}, 5),
        ({"moe_layer_period": 2}, 4),
        ({"first_dense_layers": 1, "moe_layer_period": 2}, 3),
    ],
)
def test_layers_with_experts_are_counted(given: dict[str, int], num_moe_layers: int) -> None:
    spec = ModelSpec(**{**MIXTURE, **given})
    pattern = [(layer - spec.first_dense_layers + 1) % spec.moe_layer_period == 0 for layer in range(8)]
    assert spec.num_moe_layers == num_moe_layers == sum(pattern[spec.first_dense_layers :])


def test_values_of_latent_attention_may_be_narrower_than_keys() -> None:
    assert ModelSpec(**LATENT, v_head_dim=8).v_dim == 4 * 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({**DENSE, "num_experts": 4}, "go together"),
        ({**MIXTURE, "experts_per_token": 5}, "exceeds num_experts 4"),
        ({**MIXTURE, "first_dense_layers": 8}, "leave none of 8 layers"),
        ({**MIXTURE, "moe_layer_period": 9}, "leave none of 8 layers"),
        ({**DENSE, "kv_lora_rank": 32}, "go together"),
        ({**DENSE, "q_lora_rank": 32}, "needs kv_lora_rank"),
        ({**LATENT, "qk_rope_head_dim": 16}, "below head_dim 16"),
    ],
)
def test_dimensions_that_contradict_each_other_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ModelSpec(**given)
