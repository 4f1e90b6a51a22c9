from typing import Any

import pytest

from planner.catalog.load import Catalog
from planner.dialects.model_config import kind_of, read_model_config
from planner.errors import ConfigError

HF = {
    "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 1000,
    "intermediate_size": 128,
}  # fmt: skip
MEGATRON = {"num-layers": 2, "hidden-size": 64, "num-attention-heads": 4, "padded-vocab-size": 1000, "seq-length": 8}
TORCHTUNE = {"_component_": "torchtune.models.llama3_1.llama3_1_8b"}
OWN = {"name": "own", "num_layers": 2, "hidden_dim": 64, "num_heads": 4}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (HF, "Hugging Face"),
        ({"model_type": "chatglm", "num_layers": 2, "hidden_size": 64, "num_attention_heads": 4}, "Hugging Face"),
        (MEGATRON, "Megatron"),
        ({"model": MEGATRON}, "Megatron"),
        (TORCHTUNE, "torchtune"),
        (OWN, None),
        ({}, None),
    ],
)
def test_each_configuration_is_told_by_its_own_keys(content: dict[str, Any], kind: str | None) -> None:
    assert kind_of(content) == kind


@pytest.mark.parametrize("content", [HF, MEGATRON, TORCHTUNE])
def test_the_origin_says_whose_configuration_it_is_and_where(catalog: Catalog, content: dict[str, Any]) -> None:
    spec = read_model_config(content, name="mine", place="models/mine", catalog=catalog)
    assert spec.origin == f"{kind_of(content)} configuration models/mine"


@pytest.mark.parametrize(("named", "shown"), [("org/base", "org/base"), ("/scratch/checkpoint", "mine"), ("", "mine")])
def test_a_configuration_names_itself_unless_by_a_path(catalog: Catalog, named: str, shown: str) -> None:
    assert read_model_config({**HF, "_name_or_path": named}, name="mine", place="x", catalog=catalog).name == shown


def test_what_is_nobodys_configuration_is_refused_with_the_keys_that_are_known(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match=r"model_type and hidden_size.*num-layers.*_component_"):
        read_model_config({"learning_rate": 1}, name="mine", place="x", catalog=catalog)
