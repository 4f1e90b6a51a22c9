"""Whatever way a store is read, the warehouse is the same."""

import importlib.util
import sqlite3
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from planner.domain.raw_run import RawRun
from planner.errors import StoreError
from planner.sources.mlflow_client import ClientReader
from planner.sources.mlflow_postgres import PostgresDatabase
from planner.sources.reader import RunReader, Seen, open_reader
from planner.sources.sql_reader import SqlReader
from planner.warehouse.connection import connect
from planner.warehouse.landing import land

ReadRuns = Callable[..., list[RawRun]]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own use of SQLAlchemy
]


def landed(reader: RunReader, path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with connect(path) as db:
        land(db, "store", reader.read(["*"]))
        tables = [t for (t,) in db.execute("select table_name from duckdb_tables() where table_name like 'raw%'")]
        return {table: sorted(db.execute(f"select * from {table}"), key=repr) for table in tables}


def test_a_server_a_file_and_a_database_give_the_same_warehouse(server: Any, postgres: str, tmp_path: Path) -> None:
    with (
        closing(open_reader(f"sqlite:///{server.file}")) as file,
        closing(open_reader(postgres)) as database,
        closing(open_reader(server.uri)) as rest,
    ):
        assert isinstance(database, SqlReader)
        assert isinstance(rest, ClientReader)
        assert file.experiments() == database.experiments() == rest.experiments()
        found = [landed(reader, tmp_path / f"{n}.duckdb") for n, reader in enumerate((file, database, rest))]
    assert found[0] == found[1]
    assert found[0] == found[2]
    assert len(found[0]["raw_runs"]) == 5
    assert [row[3:6] for row in found[0]["raw_models"]] == [("adapter", "peft", 2)]
    assert [row[2:] for row in found[0]["raw_metric_points"] if row[2] == "loss"] == [
        ("loss", 1.5, 2, 1_800_000_002_000),
        ("loss", 2.5, 1, 1_800_000_001_000),
        ("loss", None, 0, 1_800_000_000_500),
    ]


def test_they_read_the_same_the_second_time(server: Any, postgres: str, read_runs: ReadRuns) -> None:
    ids = server.ids
    known = frozenset(ids.values()) | {"gone-for-ever"}
    for seen in (
        Seen(1_800_000_250_000, known),
        Seen(1_800_000_250_000, known, open=frozenset({ids["killed"], "gone-for-ever"})),
        Seen(1_800_000_250_000, known, deleted=frozenset({ids["deleted"]})),
        Seen(1_800_000_250_000, known, deleted=frozenset({ids["deleted"], ids["killed"]})),
    ):
        with (
            closing(open_reader(f"sqlite:///{server.file}")) as file,
            closing(open_reader(postgres)) as database,
            closing(open_reader(server.uri)) as rest,
        ):
            first = read_runs(file, seen)
            assert first == read_runs(database, seen)
            assert first == read_runs(rest, seen)


def test_a_file_is_read_the_same_without_a_driver(
    server: Any, read_runs: ReadRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_reader(f"sqlite:///{server.file}")) as reader:
        with_driver = read_runs(reader)
    monkeypatch.setattr("planner.sources.mlflow_sqlite.find_spec", lambda _: None)
    with closing(open_reader(f"sqlite:///{server.file}")) as reader:
        assert read_runs(reader) == with_driver


def test_a_database_is_open_for_reading_alone(postgres: str) -> None:
    with closing(PostgresDatabase(postgres)) as database, pytest.raises(StoreError, match="read-only transaction"):
        database.rows("delete from runs returning run_uuid")


def test_a_database_without_a_store_is_refused_and_stays_empty(postgres: str) -> None:
    empty = postgres.replace("/mlflow?", "/postgres?")
    for _ in range(2):
        with pytest.raises(StoreError, match="no MLflow store"):
            open_reader(empty)


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    secrets = ["s3cret", "hunter2"]
    with pytest.raises(StoreError, match="PostgreSQL cannot read") as caught:
        open_reader("postgresql://ann:{}@127.0.0.1:9/mlflow?password={}".format(*secrets))
    shown = "".join(traceback.format_exception(caught.value))
    assert [secret for secret in secrets if f"{secret}@" in shown or f"={secret}" in shown] == []


def test_histories_come_one_by_one_from_a_server_without_the_bulk_question(
    server: Any, read_runs: ReadRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_reader(server.uri)) as reader:
        in_bulk = read_runs(reader)
    monkeypatch.setattr("planner.sources.mlflow_samples.BULK_ENDPOINT", "/ajax-api/2.0/mlflow/not-there")
    with closing(open_reader(server.uri)) as reader:
        assert read_runs(reader) == in_bulk
    monkeypatch.setattr("planner.sources.mlflow_samples.BULK_ENDPOINT", "/ajax-api/2.0/mlflow/metrics/get-history-bulk")
    monkeypatch.setattr("planner.sources.mlflow_samples.POINTS_PER_ANSWER", 3)
    with closing(open_reader(server.uri)) as reader:
        assert read_runs(reader) == in_bulk


def test_more_rows_than_fit_at_once_make_smaller_batches_and_a_single_run_is_cut(
    server: Any, read_runs: ReadRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_reader(f"sqlite:///{server.file}")) as reader:
        whole = read_runs(reader)
        monkeypatch.setattr("planner.sources.sql_reader.MAX_ROWS", 10)
        assert read_runs(reader) == whole
        monkeypatch.setattr("planner.sources.sql_reader.MAX_ROWS", 7)
        assert len(list(reader.read(["*"]))) > 1
        assert max(len(run.system_samples) for run in read_runs(reader)) == 7


def test_a_text_that_is_no_utf_8_is_read_with_replacement_signs(store: Path, read_runs: ReadRuns) -> None:
    assert importlib.util.find_spec("adbc_driver_sqlite")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(
            "insert into runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id) "
            "values ('a', 'odd', 'FINISHED', 'soon', 5, 'active', 0)"
        )
        connection.execute("insert into params values ('bad', cast(x'ff41' as text), 'a')")
        connection.execute("insert into latest_metrics values ('loss', 'a lot', 'then', 'x', 0, 'a')")
    with closing(open_reader(f"sqlite:///{store}")) as reader:
        (run,) = read_runs(reader)
    assert run.params == {"bad": "\ufffdA"}
    assert run.start_ms == 0
    assert [(point.value, point.step) for point in run.metrics] == [(0.0, 0)]
