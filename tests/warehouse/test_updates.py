from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.dialects.updates import Update, chain_updates
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawMetric, RawRun
from planner.domain.training_run import TrainingRun
from planner.warehouse.connection import Warehouse
from planner.warehouse.facts import UNDERSTOOD_KEY, Understood, understand
from planner.warehouse.landing import land
from planner.warehouse.registry import ensure_tables, store
from planner.warehouse.tables import ensure_table, read, upsert
from planner.warehouse.updates import store_updates

MakeRun = Callable[..., RawRun]
PROGRAMME = Programme.model_validate({"name": "t", "sources": [{"tracking_uri": "sqlite:///a.db"}]})
MODEL = {
    "_name_or_path": "tiny", "model_type": "llama", "hidden_size": "64", "num_hidden_layers": "2",
    "num_attention_heads": "4", "num_key_value_heads": "2", "intermediate_size": "128", "vocab_size": "128",
    "tie_word_embeddings": "False", "gradient_accumulation_steps": "2", "optim": "adamw_torch", "max_steps": "6",
}  # fmt: skip
COUNTED_PARAMS = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64) + 64 + 64 * 128
"""All but the input embeddings: what the trainer's FLOPs are six times the tokens of."""
HOUR_MS = 3_600_000


def an_attempt(make_run: MakeRun, number: int, hour: float, micro: int, tokens: float, **given: Any) -> RawRun:
    start_ms = 1_780_000_000_000 + round(hour * HOUR_MS)
    values = {"num_input_tokens_seen": tokens, "total_flos": 6 * tokens * COUNTED_PARAMS, "train_runtime": 100.0}
    params = {**MODEL, "per_device_train_batch_size": str(micro)}
    metrics = tuple(RawMetric(key, value, 6, start_ms + 9) for key, value in values.items())
    ended = {"start_ms": start_ms, "end_ms": start_ms + HOUR_MS // 2}
    return make_run(number, params=params, metrics=metrics, **ended, **given)


def updates_of(db: Warehouse, *runs: RawRun) -> list[Update]:
    land(db, "sqlite:///a.db", [as_batch(runs)])
    understand(db, load_catalog(), PROGRAMME)
    return sorted(read(db, "updates", Update), key=lambda update: update.started_at)


def test_attempts_make_one_update_and_the_next_one_says_how_its_data_grew(db: Warehouse, make_run: MakeRun) -> None:
    first, second = updates_of(
        db,
        an_attempt(make_run, 1, 0, 8, 100.0, status="FAILED"),
        an_attempt(make_run, 2, 1, 4, 1000.0),
        an_attempt(make_run, 3, 24 * 8, 4, 1100.0),
    )
    assert (first.attempts, second.attempts) == (2, 1)
    assert first.run_ids == (make_run(1).run_id, make_run(2).run_id)
    assert (first.tokens, first.dataset_growth_ratio) == (1000.0, None)
    assert second.dataset_growth_ratio is not None
    assert abs(second.dataset_growth_ratio - 0.1) < 1e-12


def test_a_run_that_lands_late_takes_its_place_in_the_chain(db: Warehouse, make_run: MakeRun) -> None:
    after = an_attempt(make_run, 2, 1, 4, 1000.0)
    assert [update.attempts for update in updates_of(db, after)] == [1]
    assert [update.attempts for update in updates_of(db, an_attempt(make_run, 1, 0, 8, 1.0, status="FAILED"))] == [2]


def test_a_run_that_loses_its_start_leaves_its_update(db: Warehouse, make_run: MakeRun) -> None:
    updates_of(db, an_attempt(make_run, 1, 0, 8, 100.0, status="FAILED"), an_attempt(make_run, 2, 1, 4, 1000.0))
    without = an_attempt(make_run, 2, 1, 4, 1000.0)._replace(start_ms=None, end_ms=None)
    assert [one.run_ids for one in updates_of(db, without)] == [(make_run(1).run_id,)]


def test_the_table_says_what_chaining_the_training_runs_says(db: Warehouse, make_run: MakeRun) -> None:
    """The purpose of an attempt is worked out in SQL for the table and by pydantic for runs at hand."""
    runs = [
        an_attempt(make_run, n, n, 1 + n % 4, 100.0 + n, status="FINISHED" if n % 3 == 0 else "FAILED")
        for n in range(1, 12)
    ]
    runs += [make_run(20, status="FAILED"), make_run(21, params={"unknown": "x"})]
    assert updates_of(db, *runs) == chain_updates(read(db, "training_runs", TrainingRun))


def test_an_attempt_that_ran_out_of_memory_stays_and_says_so(db: Warehouse, make_run: MakeRun) -> None:
    out_of_memory = an_attempt(
        make_run, 1, 0, 8, 100.0, status="FAILED", tags={"error": "torch.OutOfMemoryError: CUDA out of memory"}
    )
    (update,) = updates_of(db, out_of_memory)
    (run,) = read(db, "training_runs", TrainingRun)
    assert (update.attempts, update.finished_at, run.failure) == (1, None, "oom")


RUNS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 400), st.sampled_from(["FINISHED", "FAILED", "KILLED", "RUNNING"]),
              st.sampled_from("ab"), st.sampled_from(["chat", "triage"])), min_size=1, max_size=12
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RUNS, min_size=1, max_size=4), st.sets(st.integers(0, 12), max_size=2))
def test_in_whatever_portions_runs_come_change_and_go_the_table_is_that_of_all(
    db: Warehouse, portions: list[list[tuple[int, int, str, str, str]]], gone: set[int]
) -> None:
    ensure_tables(db)
    ensure_table(db, "understood", Understood, UNDERSTOOD_KEY)
    for table in ("training_runs", "understood", "updates"):
        db.execute(f"delete from {table}")
    for portion in portions:
        runs = {given[0]: a_training_run(*given) for given in portion}
        store(db, "training_runs", list(runs.values()))
        done = [Understood(source="s", run_id=run.run_id, content_hash="", interpreter="") for run in runs.values()]
        upsert(db, "understood", done, UNDERSTOOD_KEY)
        store_updates(db)
    for number in gone:
        db.execute("delete from training_runs where run_id = ?", (str(number),))
    store_updates(db)
    expected = chain_updates(read(db, "training_runs", TrainingRun))
    assert sorted(read(db, "updates", Update), key=by_run) == sorted(expected, key=by_run)
    assert store_updates(db) == 0


def by_run(update: Update) -> str:
    return update.first_run_id


def a_training_run(number: int, hour: int, status: str, model: str, experiment: str) -> TrainingRun:
    start = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=hour)
    shape = {"num_layers": 2, "hidden_dim": 64, "num_heads": 4, "num_kv_heads": 4, "ffn_dim": 128}
    shape |= {"head_dim": 16, "vocab_size": 128}
    config = {"name": f"r{number}", "model": {"name": model, **shape}, "method": "full", "micro_batch_size": number + 1}
    return TrainingRun.model_validate(
        {
            "run_id": str(number), "source": "s", "experiment": experiment, "name": "n", "status": status,
            "started_at": start, "ended_at": None if status == "RUNNING" else start + timedelta(hours=3),
            "dialect": "x", "config": config, "actual": {"tokens": 100.0 + number}, "origins": {},
        }
    )  # fmt: skip


def test_a_change_that_leaves_a_run_as_understood_before_chains_nothing_anew(db: Warehouse, make_run: MakeRun) -> None:
    runs = [an_attempt(make_run, 1, 0, 8, 100.0), an_attempt(make_run, 2, 200, 8, 100.0)]
    updates_of(db, *runs)
    land(db, "sqlite:///a.db", [as_batch([runs[0]._replace(tags={"note": "late"}), runs[1]._replace(status="FAILED")])])
    waiting = "select run_id from understood where is_chained is not true"
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("planner.warehouse.facts.store_updates", lambda given: seen.extend(given.execute(waiting)))
        understand(db, load_catalog(), PROGRAMME)
    assert seen == [(runs[1].run_id,)]
