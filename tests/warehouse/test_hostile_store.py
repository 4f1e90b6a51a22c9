"""A store that strangers filled by hand, from its file to the marts."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient

from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.sources.reader import open_reader
from planner.warehouse.build import build, run_checks
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import Landed, land
from planner.warehouse.registry import ensure_tables

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NASTY = [
    "'; drop table raw_runs; --",
    "<script>alert(1)</script>",
    "🦙" * 200,
    "x" * 8000,
    "\x00\x01",
    "NaN",
    "-inf",
    "",
]
TEXTS = st.sampled_from(NASTY) | st.text(max_size=30)
NAMES = (
    st.sampled_from(["per_device_train_batch_size", "max_steps", "loss", "system/gpu_0_memory_usage_megabytes"]) | TEXTS
)
MS = st.none() | st.sampled_from([-(2**63), -1, 0, 1_780_000_000_000, 2**63 - 1])
NUMBERS = st.sampled_from([0.0, -1.0, 1e308, 1.7976931348623157e308, float("inf"), float("-inf")]) | st.floats(
    allow_nan=False
)
POINTS = st.tuples(NAMES, NUMBERS, st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1), st.booleans())

HostileRun = tuple[str, int | None, int | None, dict[str, str], list[tuple[str, float, int, int, bool]]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with connect(tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb") as db:
        ensure_tables(db)
        yield db


def ingest(db: Warehouse, store: Path) -> Landed:
    uri = f"sqlite:///{store}"
    with closing(open_reader(uri)) as reader:
        landed = land(db, reader.source, reader.read(["*"]))
    understand(db, load_catalog(), Programme.model_validate({"name": "h", "sources": [{"tracking_uri": uri}]}), now=NOW)
    build(db, time_zone="UTC", as_of=NOW)
    return landed


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(TEXTS, MS, MS, st.dictionaries(NAMES, TEXTS, max_size=5), st.lists(POINTS, max_size=5)), max_size=4
    )
)
def test_every_run_lands_or_is_quarantined_with_a_reason(
    store: Path, warehouse: Warehouse, runs: list[HostileRun]
) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            db.execute(f"delete from {table}")
        for number, (name, start, end, params, points) in enumerate(runs):
            db.execute(
                "insert into runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id) "
                "values (?, ?, 'FINISHED', ?, ?, 'active', 0)",
                (str(number), name, start, end),
            )
            for table in ("params", "tags"):
                rows = [(key, value, str(number)) for key, value in params.items()]
                db.executemany(f"insert into {table} values (?, ?, ?)", rows)
            for key, value, step, at, is_nan in points:
                row = (key, value, at, step, is_nan, str(number))
                db.execute(
                    "insert or ignore into metrics (key, value, timestamp, step, is_nan, run_uuid) "
                    "values (?,?,?,?,?,?)",
                    row,
                )
                db.execute(
                    "insert or ignore into latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
                    "values (?,?,?,?,?,?)",
                    row,
                )
    for table in ("raw_runs", "training_runs", "quarantined_runs"):
        warehouse.execute(f"delete from {table}")
    landed = ingest(warehouse, store)
    assert landed.num_read == len(runs)
    here = {run_id for (run_id,) in warehouse.execute("select run_id from training_runs")}
    aside = dict(warehouse.execute("select run_id, reason from quarantined_runs"))
    assert here | set(aside) == {str(number) for number in range(len(runs))}
    assert not here & set(aside)
    assert all(aside.values())
    run_checks(warehouse)


def test_a_run_with_a_hundred_thousand_params_is_understood(store: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            db.execute(f"delete from {table}")
        db.execute(
            "insert into runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id) "
            "values ('many', '<b>', 'FINISHED', 1780000000000, 1780000900000, 'active', 0)"
        )
        rows = [(f"p{n}.{n % 7}", json.dumps({"n": n}), "many") for n in range(100_000)]
        db.executemany("insert into params values (?, ?, ?)", [*rows, ("per_device_train_batch_size", "4", "many")])
    with connect(tmp_path / "warehouse.duckdb") as opened:
        ingest(opened, store)
        (found,) = opened.execute("select dialect, config ->> '$.micro_batch_size' from training_runs")
        assert found == ("hf_trainer", "4")
