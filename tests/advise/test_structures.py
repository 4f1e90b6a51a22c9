from typing import Any

from planner.advise.structures import structures
from planner.catalog.load import load_catalog

ACCELERATORS = load_catalog().accelerators


def test_the_run_itself_comes_first_and_nothing_changes_it_when_all_is_kept(make_run: Any) -> None:
    config = make_run()
    (only,) = structures(config, frozenset({"method", "precision", "checkpointing", "parallelism"}))
    assert only.config == config
    assert (only.settings, only.departures) == ({}, ())
    assert next(structures(config, frozenset())).config == config


def test_other_methods_and_precisions_are_departures_and_checkpointing_is_none(make_run: Any) -> None:
    found = list(structures(make_run(method="full", precision="bf16-mixed"), frozenset()))
    assert {structure.config.method for structure in found} == {"full", "lora"}
    for structure in found:
        learns_the_same = {"method", "precision"}.isdisjoint(structure.settings)
        assert learns_the_same == (structure.departures == ())
    assert {structure.config.activation_checkpointing for structure in found} == {"none", "full"}


def test_hardware_without_bf16_gets_fp16_and_no_other_does(make_run: Any) -> None:
    t4, a100 = ACCELERATORS["t4-16gb"], ACCELERATORS["a100-80gb"]
    for structure in structures(make_run(), frozenset()):
        assert structure.runs_on(t4) == (structure.settings.get("precision") == "fp16")
        assert structure.runs_on(a100) != structure.runs_on(t4)


def test_every_variant_is_a_valid_run(make_run: Any) -> None:
    for fields in ({"method": "full"}, {}, {"method": "qlora", "base_quantization": "nf4"}):
        for structure in structures(make_run(**fields), frozenset()):
            assert type(structure.config).model_validate(dict(structure.config)) == structure.config
