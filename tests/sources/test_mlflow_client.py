import os
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from planner.domain.raw_batch import run_ids
from planner.domain.raw_run import RawRun
from planner.errors import StoreError, StoreUnreachableError
from planner.sources.mlflow_client import ClientReader
from planner.sources.reader import Experiment

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own use of SQLAlchemy


USER = "ann:s3cret"
Fill = Callable[[MlflowClient], dict[str, str]]
ReadRuns = Callable[..., list[RawRun]]


@pytest.mark.slow
def test_runs_of_a_server_come_in_pages_without_gap_or_double(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.sources.mlflow_client.RUNS_PER_PAGE", 2)
    monkeypatch.setattr("planner.sources.mlflow_client.PARALLEL_SEARCHES", 1)
    batches = list(ClientReader(server.uri).read(["*"]))
    assert [batch["raw_runs"].num_rows for batch in batches] == [2, 2, 1]
    assert len({run_id for batch in batches for run_id in run_ids(batch)}) == 5


def test_a_server_that_is_down_is_reported_within_seconds_and_without_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, "0" if "RETRIES" in name else "5")
    started = time.monotonic()
    with pytest.raises(StoreUnreachableError, match=r"http://127\.0\.0\.1:9/.*Check that it runs") as caught:
        ClientReader(f"http://{USER}@127.0.0.1:9/").experiments()
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert time.monotonic() - started < 10


def test_the_environment_keeps_its_own_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    ClientReader("http://127.0.0.1:9/")
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"


def test_an_sqlite_file_is_never_opened_through_the_client(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="read from its file"):
        ClientReader(f"sqlite:///{tmp_path / 'new.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_database_whose_driver_is_missing_is_an_error_that_names_it() -> None:
    with pytest.raises(StoreError, match=r"mysql\+nodriver://db/mlflow") as caught:
        ClientReader(f"mysql+nodriver://{USER}@db/mlflow")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_file_store_is_read(read_runs: ReadRuns, fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / "mlruns"
    fill(MlflowClient(str(folder)))
    runs = read_runs(ClientReader(str(folder)))
    assert {run.run_name for run in runs} == {"finished", "failed", "killed", "running", "deleted"}
    finished = next(run for run in runs if run.run_name == "finished")
    assert len(finished.system_samples) == 10
    assert {point.key: point.value for point in finished.metrics}["grad_norm"] is None


@pytest.mark.parametrize(
    "answer", [{"runs": [{"info": {}}]}, {"runs": [1]}, {"runs": [{"info": {"experiment_id": "9"}}]}]
)
def test_an_answer_that_is_none_of_mlflows_is_one_clear_error(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.sources.mlflow_client.answer", lambda *_args, **_given: answer)
    monkeypatch.setattr(ClientReader, "experiments", lambda _: [Experiment("1", "chat", "active")])
    with (
        closing(ClientReader(f"http://{USER}@127.0.0.1:9")) as reader,
        pytest.raises(StoreError, match="none that an MLflow server gives") as caught,
    ):
        list(reader.read(["*"]))
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
