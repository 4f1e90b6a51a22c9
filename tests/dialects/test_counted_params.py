import pytest

from planner.catalog.load import Catalog
from planner.dialects.counted_params import adapter_params, params_without_input_embedding
from planner.domain.lora import LORA_TARGET_SETS


@pytest.mark.parametrize(
    "name",
    ["llama-2-7b", "llama-3-8b", "llama-3.1-70b", "llama-3.2-1b", "mistral-7b", "mixtral-8x7b", "qwen2-0.5b",
     "qwen2.5-7b", "qwen3-0.6b", "qwen3-8b", "gemma-2b", "gemma-2-9b"],
)  # fmt: skip
def test_with_the_input_embedding_it_is_the_published_number(catalog: Catalog, name: str) -> None:
    model = catalog.models[name]
    counted = params_without_input_embedding(model) + model.vocab_size * model.hidden_dim
    assert counted == model.published_params


@pytest.mark.parametrize(
    ("name", "targets", "rank", "published"),
    [
        ("llama-2-7b", "attn_qv", 8, 4_194_304),  # peft's README: trainable params: 4194304
        ("mistral-7b", "all_linear", 16, 41_943_040),
        ("llama-3.1-8b", "all_linear", 8, 20_971_520),
    ],
)
def test_adapters_have_the_size_that_peft_prints(
    catalog: Catalog, name: str, targets: str, rank: int, published: int
) -> None:
    assert adapter_params(catalog.models[name], LORA_TARGET_SETS[targets], rank) == published
