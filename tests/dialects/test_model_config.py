from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.load import Catalog, load_catalog
from planner.dialects.model_config import kind_of, read_model_config
from planner.errors import ConfigError, InputError
from planner.estimator.params import count_params

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


KEYS = st.sampled_from(
    [
        "model_type", "num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "intermediate_size",
        "num_key_value_heads", "head_dim", "kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "num_local_experts",
        "num_experts_per_tok", "decoder_sparse_step", "mlp_only_layers", "text_config", "_name_or_path", "num-layers",
        "hidden-size", "num-attention-heads", "padded-vocab-size", "moe-layer-freq", "num-experts", "kv-channels",
        "make-vocab-size-divisible-by", "_component_", "num_layers", "embed_dim", "num_heads", "attn_config", "no_bias",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.integers(-2, 70_000),
    st.sampled_from([True, False, None, "", "llama", "falcon", "mpt", "torchtune.models.llama3.llama3", "[0]*1+[1]*3"]),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(0, 9), max_size=3),
    st.sampled_from([HF, MEGATRON, {"hidden_size": {"a": {}}}]),
)


@given(base=st.sampled_from([HF, MEGATRON, TORCHTUNE, {}]), changes=st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_is_written_gives_a_model_or_one_reason(base: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        spec = read_model_config({**base, **changes}, name="mine", place="x", catalog=load_catalog())
    except InputError:
        return
    assert count_params(spec).total >= count_params(spec).active > 0
