import pytest

from planner.catalog.load import load_catalog
from planner.domain.layer_matrices import (
    active_ffn_width,
    attention_matrices,
    feed_forward_matrices,
    feed_forwards,
    layer_norms_size,
)

MODELS = load_catalog().models


def test_grouped_queries_have_narrow_keys_and_values() -> None:
    sizes = {matrix.name: (matrix.inputs, matrix.outputs) for matrix in attention_matrices(MODELS["llama-3.1-8b"])}
    assert sizes == {"q_proj": (4096, 4096), "k_proj": (4096, 1024), "v_proj": (4096, 1024), "o_proj": (4096, 4096)}


def test_latent_attention_goes_through_two_latents() -> None:
    shapes = [(m.name, m.inputs, m.outputs, m.reads) for m in attention_matrices(MODELS["deepseek-v3"])]
    assert shapes == [
        ("q_proj", 7168, 1536, "hidden"),
        ("q_proj", 1536, 128 * 192, "q_latent"),
        ("k_proj", 7168, 512 + 64, "hidden"),
        ("v_proj", 512, 128 * (128 + 128), "kv_latent"),
        ("o_proj", 128 * 128, 7168, "values"),
    ]


def test_a_feed_forward_without_gate_has_two_matrices() -> None:
    assert [matrix.name for matrix in feed_forward_matrices(MODELS["gpt2"], 3072)] == ["up_proj", "down_proj"]
    assert len(feed_forward_matrices(MODELS["llama-3.1-8b"], 14336)) == 3


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("llama-3.1-8b", [(14336, 32, 32, False)]),
        ("mixtral-8x7b", [(14336, 256, 64, True)]),
        ("deepseek-v3", [(2048, 58 * 256, 58 * 8, True), (2048, 58, 58, False), (18432, 3, 3, False)]),
        ("llama-4-maverick", [(8192, 24 * 128, 24, True), (8192, 24, 24, False), (16384, 24, 24, False)]),
    ],
)
def test_feed_forwards_are_routed_shared_or_dense(name: str, blocks: list[tuple[int, int, int, bool]]) -> None:
    assert [tuple(block) for block in feed_forwards(MODELS[name])] == blocks


def test_a_token_passes_through_the_same_width_in_every_layer_of_maverick() -> None:
    assert active_ffn_width(MODELS["llama-4-maverick"]) == 16384
    assert active_ffn_width(MODELS["deepseek-v3"]) == pytest.approx((58 * 9 * 2048 + 3 * 18432) / 61)


def test_norms_inside_the_attention_are_counted() -> None:
    assert layer_norms_size(MODELS["qwen3-8b"]) == 2 * 4096 + 2 * 128
    assert layer_norms_size(MODELS["olmo-2-7b"]) == 4 * 4096
    assert layer_norms_size(MODELS["deepseek-v3"]) == 2 * 7168 + 1536 + 512
