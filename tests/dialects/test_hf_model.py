import pytest

from planner.catalog.load import Catalog
from planner.dialects.hf_model import read_model
from planner.dialects.params import Params

LLAMA_8B = {
    "_name_or_path": "meta-llama/Llama-3.1-8B", "model_type": "llama", "hidden_size": "4096",
    "num_hidden_layers": "32", "num_attention_heads": "32", "num_key_value_heads": "8", "intermediate_size": "14336",
    "vocab_size": "128256", "tie_word_embeddings": "False",
}  # fmt: skip


def test_a_known_name_with_the_same_dimensions_is_the_catalogs_model(catalog: Catalog) -> None:
    assert read_model(Params(LLAMA_8B), catalog).spec == catalog.models["llama-3.1-8b"]


def test_a_known_name_with_other_dimensions_is_what_was_logged(catalog: Catalog) -> None:
    spec = read_model(Params({**LLAMA_8B, "vocab_size": "128264"}), catalog).spec
    assert spec is not None
    assert (spec.vocab_size, spec.head_dim, spec.num_kv_heads) == (128264, 128, 8)
    assert spec.name == "meta-llama/Llama-3.1-8B"


def test_a_known_name_without_dimensions_is_enough(catalog: Catalog) -> None:
    found = read_model(Params({"_name_or_path": "meta-llama/Llama-3.1-8B"}), catalog)
    assert found.spec == catalog.models["llama-3.1-8b"]


@pytest.mark.parametrize(
    ("model_type", "given", "bias", "tied", "norms"),
    [
        ("qwen2", {}, "qkv", False, 2),
        ("llama", {"attention_bias": "True"}, "all", False, 2),
        ("gemma2", {"tie_word_embeddings": "None"}, "none", True, 4),
        ("mistral", {}, "none", False, 2),
    ],
)
def test_what_a_model_type_implies(
    catalog: Catalog, model_type: str, given: dict[str, str], bias: str, tied: bool, norms: int
) -> None:
    spec = read_model(Params({**LLAMA_8B, "_name_or_path": "own", "model_type": model_type, **given}), catalog).spec
    assert spec is not None
    assert (spec.attention_bias, spec.tied_embeddings, spec.num_norms_per_layer) == (bias, tied, norms)


def test_experts_are_read(catalog: Catalog) -> None:
    params = {
        **LLAMA_8B,
        "_name_or_path": "own",
        "model_type": "mixtral",
        "num_local_experts": "8",
        "num_experts_per_tok": "2",
    }
    spec = read_model(Params(params), catalog).spec
    assert spec is not None
    assert (spec.num_experts, spec.experts_per_token) == (8, 2)


def test_the_text_part_of_a_model_with_pictures_is_read(catalog: Catalog) -> None:
    inner = {name: int(value) for name, value in LLAMA_8B.items() if value.isdigit()} | {"model_type": "llama"}
    spec = read_model(Params({"_name_or_path": "own", "model_type": "llava", "text_config": str(inner)}), catalog).spec
    assert spec is not None
    assert spec.hidden_dim == 4096


def test_layers_of_an_unknown_type_are_not_guessed(catalog: Catalog) -> None:
    found = read_model(Params({**LLAMA_8B, "_name_or_path": "own", "model_type": "mamba"}), catalog)
    assert found.spec is None
    assert "mamba" in found.rule


@pytest.mark.parametrize("given", [{"hidden_size": "0"}, {"num_attention_heads": "0"}, {"num_key_value_heads": "7"}])
def test_dimensions_that_cannot_be_are_refused_with_the_reason(catalog: Catalog, given: dict[str, str]) -> None:
    found = read_model(Params({**LLAMA_8B, "_name_or_path": "own", **given}), catalog)
    assert found.spec is None
    assert found.rule
