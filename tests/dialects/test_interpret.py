from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.load import Catalog, load_catalog
from planner.dialects.draft import CONFIG_FIELDS, NESTED, OF_THE_RUN
from planner.dialects.facts import GpuUsage, MetricPoint, RunFacts
from planner.dialects.interpret import UNREADABLE, interpret
from planner.domain.training_run import Actual, OriginKind, TrainingRun

MakeFacts = Callable[..., RunFacts]

CONTRADICTION = "contradicts itself"
NONE_IS_A_VALUE = ("checkpoints.every_steps", "checkpoints.keep_last")

KNOWN_NAMES = (
    "per_device_train_batch_size", "gradient_accumulation_steps", "max_steps", "hidden_size", "num_hidden_layers",
    "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size", "model_type", "_name_or_path",
    "optim", "deepspeed", "fsdp", "fsdp_config", "quantization_config", "save_steps", "save_strategy", "dtype", "bf16",
    "max_length", "packing", "use_cpu", "model._component_", "planner.run_config", "planner.method",
    "planner.lora_rank", "planner.lora_targets", "planner.accelerator", "planner.num_accelerators",
    "planner.tp", "planner.precision",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ["0", "-1", "1", "8", "4096", "1e308", "nan", "None", "True", "full", "lora", "qlora", "llama", "qwen2", "bf16",
         "steps", "torchtune.models.x.lora_y", '{"method": "full", "lora": {"rank": 0}}', "{'stage': 3}",
         "h100-sxm-80gb", "q_proj+x"]
    ),
    st.text(max_size=30),
    st.integers(-(10**30), 10**30).map(str),
)  # fmt: skip
METRICS = (
    "total_flos", "train_runtime", "train_samples_per_second", "num_tokens", "num_input_tokens_seen", "loss",
    "before_init_mem_cpu", "init_mem_cpu_alloc_delta", "train_mem_cpu_alloc_delta", "train_mem_cpu_peaked_delta",
    "planner.tokens", "planner.steps", "planner.peak_device_bytes", "peak_memory_alloc",
)  # fmt: skip
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None)
@given(
    params=st.dictionaries(st.sampled_from(KNOWN_NAMES) | st.text(max_size=10), VALUES, max_size=20),
    tags=st.dictionaries(st.sampled_from(("planner.method", "planner.seq_len", "x")), VALUES),
    metrics=st.dictionaries(
        st.sampled_from(METRICS), st.builds(MetricPoint, NUMBERS, st.none() | st.integers(-(2**63), 2**63 - 1))
    ),
    gpus=st.lists(st.builds(GpuUsage, st.just(""), st.integers(0, 8), NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=3),
    status=st.sampled_from(("FINISHED", "FAILED", "RUNNING", "ODD")),
    name=st.text(max_size=600),
)
def test_nothing_that_a_store_may_hold_is_an_error(
    params: dict[str, str],
    tags: dict[str, str],
    metrics: dict[str, MetricPoint],
    gpus: list[GpuUsage],
    status: str,
    name: str,
) -> None:
    facts = RunFacts("s", "r", "e", name, status, None, None, params, tags, metrics, tuple(gpus))
    run = interpret(facts, load_catalog())
    assert TrainingRun.model_validate_json(run.model_dump_json()) == run
    assert all(origin.rule for origin in run.origins.values())
    assert UNREADABLE not in (run.problem or "")
    if CONTRADICTION not in (run.problem or ""):
        assert values_without_origin(run) == []


def test_a_run_of_no_known_framework_says_so(catalog: Catalog, hf_facts: MakeFacts) -> None:
    facts = hf_facts()
    facts.params.clear()
    run = interpret(facts, catalog)
    assert run.dialect == "unknown"
    assert "no known training framework" in (run.problem or "")
    assert run.actual.duration_s == 120.0


def values_without_origin(run: TrainingRun) -> list[str]:
    """Fields whose value does not agree with their origin: a known one without origin, an unknown one with one."""
    config = run.config
    known: dict[str, Any] = {name: getattr(config, name) for name in CONFIG_FIELDS if name not in NESTED}
    known |= {
        f"{owner}.{part}": getattr(getattr(config, owner), part, None)
        for owner, kind in NESTED.items()
        for part in kind.model_fields
    }
    known |= {f"actual.{name}": getattr(run.actual, name) for name in Actual.model_fields}
    known |= {name: getattr(run, name) for name in OF_THE_RUN}
    assert {origin.kind for origin in run.origins.values()} <= set(get_args(OriginKind))
    return [
        field
        for field, value in known.items()
        if (value is None) != (run.origins[field].kind == "unknown") and field not in NONE_IS_A_VALUE
    ]


def test_every_field_has_an_origin(catalog: Catalog, hf_facts: MakeFacts) -> None:
    assert values_without_origin(interpret(hf_facts(), catalog)) == []


def test_fields_that_contradict_each_other_are_a_problem_and_no_configuration(
    catalog: Catalog, hf_facts: MakeFacts
) -> None:
    run = interpret(hf_facts({"planner.method": "full", "planner.lora_rank": "8"}), catalog)
    assert "method full" in (run.problem or "")
    assert run.config.model is None
    assert (run.config.optimizer, run.config.gradient_accumulation_steps) == (None, None)


def test_what_an_estimate_needs_and_nobody_logged_is_named(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts({"hidden_size": "None"}), catalog)
    assert "the base model is not known" in (run.problem or "")


def test_a_fault_of_a_dialect_costs_one_run_and_is_reported(
    catalog: Catalog, hf_facts: MakeFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.dialects.hf_trainer.read_model", lambda *_: 1 / 0)
    run = interpret(hf_facts(), catalog)
    assert f"{UNREADABLE}: ZeroDivisionError" in (run.problem or "")
    assert run.actual.duration_s == 120.0


def test_a_run_without_a_name_is_called_by_its_id(catalog: Catalog, hf_facts: MakeFacts) -> None:
    assert interpret(hf_facts(name="  "), catalog).name == "r"


def test_a_status_that_mlflow_does_not_have_is_a_problem(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(status="PAUSED"), catalog)
    assert (run.status, "PAUSED" in (run.problem or "")) == ("FAILED", True)
