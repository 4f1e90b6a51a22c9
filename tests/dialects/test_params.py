from hypothesis import given
from hypothesis import strategies as st

from planner.dialects.params import Params


def test_texts_become_what_they_say() -> None:
    params = Params(
        {"a": "4", "b": "0.5", "c": "True", "d": "None", "e": " ", "f": "1e400", "g": "4.0", "h": "[q, 'v']"}
    )
    assert (params.integer("a"), params.integer("g"), params.integer("b")) == (4, 4, None)
    assert (params.number("b"), params.number("f"), params.number("c")) == (0.5, None, None)
    assert (params.flag("c"), params.flag("a"), params.flag("missing")) == (True, None, None)
    assert "d" not in params
    assert "e" not in params
    assert params.words("h") == ("q", "v")


def test_a_dictionary_is_read_from_text_or_from_dotted_names() -> None:
    as_text = Params({"fsdp_config": "{'activation_checkpointing': True, 'inner': {'x': 1}}"})
    dotted = Params({"fsdp_config.activation_checkpointing": "True"})
    as_json = Params({"fsdp_config": '{"activation_checkpointing": true}'})
    for params in (as_text, dotted, as_json):
        assert params.flag("fsdp_config.activation_checkpointing") is True
    assert as_text.nested("fsdp_config")["inner"] == {"x": 1}


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=60)), st.text(max_size=8))
def test_no_text_is_too_strange(values: dict[str, str], name: str) -> None:
    params = Params({**values, "deep": "{" * 4000, "call": "{'a': __import__('os')}"})
    for wanted in (*values, name, "deep", "call", "deep.x"):
        params.text(wanted)
        params.integer(wanted)
        params.flag(wanted)
        params.nested(wanted)
        params.words(wanted)
    assert params.nested("call") == {}
