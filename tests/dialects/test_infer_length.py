from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.load import Catalog, load_catalog
from planner.dialects.counted_params import adapter_params, params_without_input_embedding
from planner.dialects.infer_length import COMMON_RANKS, infer_length
from planner.domain.lora import LORA_TARGET_SETS

MODELS = ("llama-3.1-8b", "qwen2.5-0.5b", "mistral-7b", "llama-3.2-1b", "qwen3-8b")


def counted_flop(model: Any, tokens: float, extra: int = 0) -> float:
    """What Hugging Face's Trainer counts: 6 FLOP for each token and parameter, input embedding left out."""
    return 6.0 * tokens * (params_without_input_embedding(model) + extra)


@given(
    name=st.sampled_from(MODELS),
    seq_len=st.integers(1, 64).map(lambda n: n * 64),
    samples=st.integers(1, 20_000),
    rank=st.sampled_from((None, *COMMON_RANKS)),
    targets=st.sampled_from(sorted(LORA_TARGET_SETS)),
    tokens_logged=st.booleans(),
)
def test_usual_runs_are_told_exactly_and_no_claim_is_wrong(
    name: str, seq_len: int, samples: int, rank: int | None, targets: str, tokens_logged: bool
) -> None:
    model = load_catalog().models[name]
    modules = LORA_TARGET_SETS[targets]
    adapter = 0 if rank is None else adapter_params(model, modules, rank)
    tokens = float(seq_len * samples)
    found = infer_length(
        model, counted_flop(model, tokens, adapter), samples=samples, logged_tokens=tokens if tokens_logged else None
    )
    assert found.seq_len is not None
    assert found.seq_len == pytest.approx(seq_len, rel=0.15)
    assert found.method in (None, "full" if rank is None else "lora")
    assert found.trainable_params in (None, adapter or None)
    assert found.rank in (None, rank)
    assert found.targets in (None, modules)
    if tokens_logged:
        assert (found.seq_len, found.method) == (seq_len, "full" if rank is None else "lora")


def test_lengths_that_vary_give_their_mean_with_the_range_in_words(catalog: Catalog) -> None:
    model = catalog.models["llama-3.1-8b"]
    found = infer_length(model, counted_flop(model, 1000 * 317.37), samples=1000)
    assert found.seq_len is not None
    assert found.seq_len == pytest.approx(317.37, rel=0.15)
    assert not found.seq_len_is_exact
    assert (found.method, found.rank) == (None, None)
    assert "none whole" in found.rule


def test_an_uncommon_adapter_has_a_size_but_no_rank(catalog: Catalog) -> None:
    model = catalog.models["llama-3.1-8b"]
    extra = adapter_params(model, ("q_proj", "down_proj"), 12)
    found = infer_length(model, counted_flop(model, 4096 * 50, extra), samples=50, logged_tokens=4096 * 50)
    assert (found.method, found.trainable_params, found.rank, found.targets) == ("lora", extra, None, None)


def test_a_detail_of_the_architecture_is_not_taken_for_an_adapter(catalog: Catalog) -> None:
    model = catalog.models["llama-3.1-8b"]
    found = infer_length(model, counted_flop(model, 4096 * 50, 9216), samples=50, logged_tokens=4096 * 50)
    assert (found.method, found.trainable_params) == (None, None)
    assert "not explained" in found.rule


def test_padding_left_out_of_the_logged_tokens_is_no_adapter(catalog: Catalog) -> None:
    model = catalog.models["llama-3.1-8b"]
    fed, real = 2048 * 64.0, 1_777.0 * 64
    found = infer_length(model, counted_flop(model, fed), samples=64, logged_tokens=real, logged_without_padding=True)
    assert (found.seq_len, found.tokens, found.method) == (2048, fed, "full")
    assert not found.every_token_counts


def test_tokens_that_are_all_real_show_that_nothing_was_padded(catalog: Catalog) -> None:
    model = catalog.models["llama-3.1-8b"]
    tokens = 2048 * 64.0
    found = infer_length(
        model, counted_flop(model, tokens), samples=64, logged_tokens=tokens, logged_without_padding=True
    )
    assert found.every_token_counts


def test_without_the_number_of_ranks_nothing_is_claimed(catalog: Catalog) -> None:
    found = infer_length(catalog.models["llama-3.1-8b"], 1e18, samples=None)
    assert (found.seq_len, found.tokens, found.method) == (None, None, None)


@given(flop=st.floats(1, 1e25), samples=st.floats(1, 1e9), tokens=st.none() | st.floats(1, 1e15))
def test_no_count_is_too_strange(flop: float, samples: float, tokens: float | None) -> None:
    found = infer_length(load_catalog().models["llama-3.2-1b"], flop, samples=samples, logged_tokens=tokens)
    assert found.rule
    assert found.seq_len is None or found.seq_len >= 1
