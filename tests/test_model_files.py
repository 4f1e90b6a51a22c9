"""Models given by their own configuration, read through run files and programmes."""

import json
from pathlib import Path

import pytest
import yaml

from planner.catalog.load import load_catalog
from planner.config_files import load_programme, load_run
from planner.domain.model_spec import ModelSpec
from planner.domain.run_config import RunConfig
from planner.errors import ConfigError

CATALOG = load_catalog()
TEMPLATES = Path(__file__).parents[1] / "planner" / "cli" / "templates"


def write(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


LLAMA_TINY = {
    "model_type": "llama", "num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 8, "vocab_size": 1000,
    "num_key_value_heads": 2, "intermediate_size": 512, "tie_word_embeddings": False,
}  # fmt: skip
MEGATRON_TINY = """model:
  num-layers: 4
  hidden-size: 256
  num-attention-heads: 8
  padded-vocab-size: 1000
  max-position-embeddings: 64
"""


def model_of(run: RunConfig) -> ModelSpec:
    assert run.model is not None
    return run.model


@pytest.mark.parametrize("given", ["models/tiny", "models/tiny/config.json", "./models/tiny", "{folder}/models/tiny"])
def test_a_model_is_read_from_its_folder_or_file_beside_the_run(tmp_path: Path, given: str) -> None:
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    write(tmp_path / "models" / "tiny", json.dumps(LLAMA_TINY), "config.json")
    model = model_of(load_run(write(tmp_path, f"model: {given.format(folder=tmp_path)}"), CATALOG))
    assert (model.name, model.num_layers, model.num_kv_heads) == ("tiny", 4, 2)
    assert (model.origin or "").startswith("Hugging Face configuration")
    assert model_of(load_run(write(tmp_path, "method: full"), CATALOG, ["model=models/tiny"])) == model_of(
        load_run(write(tmp_path, "model: models/tiny"), CATALOG)
    )


def test_a_megatron_file_and_a_written_out_configuration_are_models_too(tmp_path: Path) -> None:
    write(tmp_path, MEGATRON_TINY, "gpt.yaml")
    run = load_run(write(tmp_path, "model: gpt.yaml"), CATALOG)
    assert (model_of(run).name, model_of(run).learned_positions) == ("gpt", 64)
    tuned = "model: {_component_: torchtune.models.llama3_1.llama3_1_8b}"
    assert model_of(load_run(write(tmp_path, tuned), CATALOG)).num_layers == 32
    written = load_run(write(tmp_path, yaml.safe_dump({"model": LLAMA_TINY})), CATALOG)
    assert model_of(written).origin == f"Hugging Face configuration in {tmp_path / 'run.yaml'}"


def test_a_catalog_name_goes_before_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "meta-llama" / "Llama-3.1-8B").mkdir(parents=True)
    run = load_run(write(tmp_path, "model: meta-llama/Llama-3.1-8B"), CATALOG)
    assert model_of(run) == CATALOG.models["llama-3.1-8b"]


def test_where_a_model_was_read_does_not_change_what_is_run(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place / "tiny").mkdir(parents=True)
        write(tmp_path / place / "tiny", json.dumps(LLAMA_TINY), "config.json")
    hashes = {load_run(write(tmp_path, f"model: {place}/tiny"), CATALOG).config_hash for place in ("a", "b")}
    assert len(hashes) == 1


def test_planned_updates_take_models_by_path_too(tmp_path: Path) -> None:
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    write(tmp_path / "runs" / "tiny", json.dumps(LLAMA_TINY), "config.json")
    write(tmp_path / "runs", "model: ./tiny\nmethod: full")
    template = yaml.safe_load((TEMPLATES / "foretune.yaml").read_text(encoding="utf-8"))
    (usual,) = template["planned_updates"]
    by_file = {**usual, "name": "by file", "run": "runs/run.yaml"}
    inline = {**usual, "name": "inline", "run": {"model": "./runs/tiny", "method": "full"}}
    content = {**template, "planned_updates": [by_file, inline]}
    path = write(tmp_path, yaml.safe_dump(content), "foretune.yaml")
    assert [model_of(plan.run).name for plan in load_programme(path, CATALOG).planned_updates] == ["tiny", "tiny"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("missing.json", None, ["missing.json", "no such file", "foretune catalog models"]),
        ("broken.json", "{", ["broken.json", "not valid JSON"]),
        ("deep.json", "[" * 100_000, ["deep.json", "not valid JSON"]),
        ("list.json", "[1]", ["list.json", "keys and values"]),
        ("huge.json", " " * 1_000_001, ["larger than"]),
        ("strange.json", '{"learning_rate": 1}', ["strange.json", "model_type", "num-layers"]),
        ("short.json", '{"model_type": "llama", "hidden_size": 8}', ["short.json", "num_hidden_layers", "missing"]),
        ("bert.json", json.dumps({**LLAMA_TINY, "model_type": "bert"}), ["bert.json", "'bert' are no plain decoder"]),
        ("odd.json", json.dumps({**LLAMA_TINY, "num_key_value_heads": 3}), ["odd.json", "not a multiple"]),
        ("nan.json", '{"model_type": "llama", "hidden_size": NaN}', ["nan.json", "hidden_size or n_embd"]),
        ("gpt.yaml", "num-layers: 4\nhidden-size: 8\nnum-attention-heads: 2", ["gpt.yaml", "vocab_size"]),
    ],
)
def test_a_model_that_cannot_be_read_is_refused_with_file_and_field(
    tmp_path: Path, name: str, text: str | None, expected: list[str]
) -> None:
    if text is not None:
        write(tmp_path, text, name)
    with pytest.raises(ConfigError) as refused:
        load_run(write(tmp_path, f"model: {name}"), CATALOG)
    for part in ("run.yaml: model: ", *expected):
        assert part in str(refused.value)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("given", ['"a\\0b.json"', '"./a\\0b"', "~nobody-of-that-name/x.json", '"' + "a/" * 4000 + '"'])
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigError, match=r"run\.yaml"):
        load_run(write(tmp_path, f"model: {given}"), CATALOG)
