from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from planner.catalog.load import Catalog
from planner.dialects.facts import RunFacts
from planner.dialects.interpret import interpret
from planner.dialects.updates import chain_updates
from planner.domain.training_run import TrainingRun

MakeFacts = Callable[..., RunFacts]
MONDAY = datetime(2026, 11, 2, 6, tzinfo=UTC)


def a_run(
    catalog: Catalog,
    hf_facts: MakeFacts,
    run_id: str,
    hour: float,
    status: str = "FINISHED",
    params: dict[str, str] | None = None,
    **given: Any,
) -> TrainingRun:
    start = MONDAY + timedelta(hours=hour)
    facts = hf_facts(
        params, run_id=run_id, status=status, started_at=start, ended_at=start + timedelta(hours=0.5), **given
    )
    return interpret(facts, catalog)


def test_failed_attempts_belong_to_the_update_that_finished(catalog: Catalog, hf_facts: MakeFacts) -> None:
    runs = [
        a_run(catalog, hf_facts, "a", 0, "FAILED"),
        a_run(catalog, hf_facts, "b", 1, "FAILED", {"per_device_train_batch_size": "1"}),
        a_run(catalog, hf_facts, "c", 2, params={"gradient_checkpointing": "True"}),
        a_run(catalog, hf_facts, "d", 7 * 24),
    ]
    updates = chain_updates(runs)
    assert [update.run_ids for update in updates] == [("a", "b", "c"), ("d",)]
    assert [update.attempts for update in updates] == [3, 1]
    assert updates[0].finished_at == runs[2].ended_at


def test_another_model_is_another_update(catalog: Catalog, hf_facts: MakeFacts) -> None:
    runs = [
        a_run(catalog, hf_facts, "a", 0, "FAILED"),
        a_run(catalog, hf_facts, "b", 1, params={"num_hidden_layers": "4"}),
    ]
    updates = chain_updates(runs)
    assert [update.run_ids for update in updates] == [("a",), ("b",)]
    assert updates[0].finished_at is None


def test_the_same_target_or_a_resumed_checkpoint_goes_on_whatever_changed(
    catalog: Catalog, hf_facts: MakeFacts
) -> None:
    target = {"output_dir": "out/bot"}
    runs = [
        a_run(catalog, hf_facts, "a", 0, "KILLED", target),
        a_run(catalog, hf_facts, "b", 1, "FAILED", {**target, "num_train_epochs": "1", "learning_rate": "1"}),
        a_run(catalog, hf_facts, "c", 2, params={"resume_from_checkpoint": "out/bot/checkpoint-5", "output_dir": "b"}),
    ]  # fmt: skip
    assert [update.run_ids for update in chain_updates(runs)] == [("a", "b", "c")]


def test_after_a_long_pause_it_is_another_update(catalog: Catalog, hf_facts: MakeFacts) -> None:
    runs = [a_run(catalog, hf_facts, "a", 0, "FAILED"), a_run(catalog, hf_facts, "b", 24 * 8)]
    assert len(chain_updates(runs)) == 2


def test_runs_at_the_same_time_and_of_other_experiments_are_apart(catalog: Catalog, hf_facts: MakeFacts) -> None:
    runs = [
        a_run(catalog, hf_facts, "a", 0, "FAILED"),
        a_run(catalog, hf_facts, "b", 0.25),
        a_run(catalog, hf_facts, "c", 1, experiment="other"),
    ]
    assert [update.attempts for update in chain_updates(runs)] == [1, 1, 1]


def test_every_run_with_a_start_is_in_one_update_in_any_order(catalog: Catalog, hf_facts: MakeFacts) -> None:
    runs = [
        a_run(catalog, hf_facts, str(n), n, "FAILED" if n % 3 else "FINISHED", {"num_hidden_layers": str(1 + n % 2)})
        for n in range(12)
    ]
    found = chain_updates(runs)
    assert sorted(run_id for update in found for run_id in update.run_ids) == sorted(run.run_id for run in runs)
    assert chain_updates(runs[::-1]) == found
