from collections.abc import Callable
from typing import Any

from planner.catalog.load import load_catalog
from planner.dialects.updates import Update, chain_updates
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawMetric, RawRun
from planner.domain.training_run import TrainingRun
from planner.warehouse.connection import Warehouse
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
from planner.warehouse.tables import read

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
