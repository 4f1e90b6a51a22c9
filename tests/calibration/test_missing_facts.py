import math
from datetime import UTC, datetime
from typing import Any

import pytest

from planner.calibration.missing_facts import MissingFact, missing_facts
from planner.catalog.load import load_catalog
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, Origin, TrainingRun
from planner.estimator.estimate_run import estimate_run

CATALOG = load_catalog()
KNOWN: dict[str, Any] = {
    "model": "llama-3.1-8b", "method": "lora", "base_quantization": "none", "lora": {"rank": 16, "targets": "attn_qv"},
    "precision": "bf16", "seq_len": 2048, "batching": "packed", "micro_batch_size": 2, "max_steps": 100,
    "activation_checkpointing": "none", "attention": "sdpa", "loss": "full_logits", "framework": "trl",
    "cluster": {"accelerator": "a100-sxm-80gb", "count": 4}, "parallelism": {"zero_stage": 3},
}  # fmt: skip
ALL_MEASURED = Actual(
    duration_s=1e3, peak_device_bytes=1e10, peak_reserved_bytes=1e10, tokens_per_s_per_accelerator=1e3, start_up_s=10,
    checkpoint_bytes=1e9,
)  # fmt: skip


def run(
    name: str = "r", *, without: tuple[str, ...] = (), inferred: tuple[str, ...] = (), actual: Actual = ALL_MEASURED,
    experiment: str = "chat", problem: str | None = None, **changes: Any,
) -> TrainingRun:  # fmt: skip
    given = {**KNOWN, **dict.fromkeys(without), **changes}
    given = {name: value for name, value in given.items() if value is not None}
    config = RunConfig.model_validate(given, context={"catalog": CATALOG})
    return TrainingRun(
        run_id=name, source="s", experiment=experiment, name=name, status="FINISHED",
        started_at=datetime(2026, 3, 2, tzinfo=UTC), ended_at=datetime(2026, 3, 3, tzinfo=UTC), dialect="trl",
        config=config, actual=actual, problem=problem,
        origins={field: Origin(kind="inferred", rule="x") for field in inferred},
    )  # fmt: skip


def only(facts: tuple[MissingFact, ...]) -> MissingFact:
    (fact,) = facts
    return fact


def test_where_everything_is_logged_nothing_is_missing() -> None:
    assert missing_facts([run()]) == ()


def test_a_field_without_which_there_is_no_estimate_comes_first_with_its_line() -> None:
    runs = [run("a", without=("seq_len", "loss"), problem="the sequence length is not known"), run("b")]
    first = missing_facts(runs)[0]
    assert (first.field, first.consequence, first.num_unknown, first.num_runs) == ("seq_len", "no estimate", 1, 2)
    assert first.line == 'mlflow.log_param("planner.seq_len", max_length)'


def test_an_unknown_field_costs_what_the_range_of_the_estimate_grows_by() -> None:
    """The second way: the two estimates made here."""
    fact = only(missing_facts([run(without=("activation_checkpointing",))]))
    assert (fact.field, fact.consequence, fact.num_unknown) == ("activation_checkpointing", "wider estimate", 1)
    assert fact.resource is not None
    spread = []
    for given in (KNOWN | {"activation_checkpointing": None}, KNOWN | {"activation_checkpointing": "full"}):
        config = RunConfig.model_validate(given, context={"catalog": CATALOG})
        quantiles = estimate_run(config).quantiles(fact.resource)
        assert quantiles is not None
        spread.append(math.sqrt(quantiles.p90 / quantiles.p10))
    assert fact.range_without_ratio == pytest.approx(spread[0])
    assert fact.range_with_ratio == pytest.approx(spread[1])
    assert spread[0] > 1.2 * spread[1]


def test_an_unknown_framework_costs_speed() -> None:
    fact = only(missing_facts([run(without=("framework",))]))
    assert (fact.field, fact.resource) == ("framework", "duration_s")


def test_what_rests_on_an_inference_is_named_after_what_is_unknown() -> None:
    facts = missing_facts([run("a", inferred=("lora.rank", "activation_checkpointing")), run("b", without=("loss",))])
    assert facts[0].field == "loss"
    inferred = {fact.field: fact for fact in facts[1:]}
    assert inferred["activation_checkpointing"].num_inferred == 1
    assert inferred["activation_checkpointing"].num_unknown == 0


def test_the_line_for_an_inferred_field_holds_what_all_runs_say() -> None:
    fact = only(missing_facts([run(inferred=("loss",))]))
    assert fact.line == 'mlflow.log_param("planner.loss", "full_logits")'
    fused = only(missing_facts([run(inferred=("loss",), loss="fused_linear_ce")]))
    assert fused.line == 'mlflow.log_param("planner.loss", "fused_linear_ce")'


def test_a_field_that_does_not_apply_is_not_asked_for() -> None:
    full = run(without=("lora",), method="full", cluster={"accelerator": "a100-sxm-80gb"}, parallelism={})
    assert missing_facts([full]) == ()


def test_what_was_not_measured_stays_at_the_physics() -> None:
    actual = ALL_MEASURED.model_copy(update={"peak_device_bytes": None})
    fact = only(missing_facts([run(actual=actual)], {"peak_device_bytes": 1.05}))
    assert (fact.field, fact.consequence) == ("actual.peak_device_bytes", "not learnt")
    assert fact.range_with_ratio == 1.05
    assert fact.range_without_ratio is not None
    assert fact.range_without_ratio > 1.05
    assert fact.line.startswith('mlflow.log_metric("planner.peak_device_bytes"')


def test_experiments_are_judged_by_themselves() -> None:
    facts = missing_facts(
        [run("a", without=("loss",), experiment="x"), run("b", without=("attention",), experiment="y")]
    )
    assert {(fact.experiment, fact.field) for fact in facts} >= {("x", "loss"), ("y", "attention")}
    assert not any(fact.field == "loss" for fact in facts if fact.experiment == "y")
