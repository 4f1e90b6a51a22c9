import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.errors import StoreError, StoreUnreachableError
from planner.sources import mlflow_sqlite, sql_reader
from planner.sources.reader import Seen, open_reader

ReadRuns = Callable[..., list[RawRun]]
Everything = Callable[..., dict[str, RawRun]]

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own use of SQLAlchemy


@pytest.fixture
def everything(read_runs: ReadRuns) -> Everything:
    """Runs of a file by name."""

    def read(path: Path, seen: Seen | None = None, patterns: tuple[str, ...] = ("*",)) -> dict[str, RawRun]:
        with closing(open_reader(f"sqlite:///{path}")) as reader:
            return {run.run_name: run for run in read_runs(reader, seen, patterns)}

    return read


@pytest.fixture
def ids(store: Path, fill: Callable[[MlflowClient], dict[str, str]]) -> dict[str, str]:
    return fill(MlflowClient(f"sqlite:///{store}"))


def test_a_run_arrives_as_it_was_logged(everything: Everything, store: Path, ids: dict[str, str]) -> None:
    run = everything(store)["finished"]
    assert (run.run_id, run.experiment_name, run.status, run.lifecycle_stage) == (
        ids["finished"],
        "chat",
        "FINISHED",
        "active",
    )
    assert (run.start_ms, run.end_ms) == (1_800_000_000_000, 1_800_000_100_000)
    assert run.params == {"nasty": "'; drop table runs; --", "optim": "adamw_torch", "smile": "🦙" * 50}
    assert RawMetric("loss", 1.5, 2, 1_800_000_002_000) in run.metrics
    assert [sample.value for sample in run.system_samples][:7] == [1000.0 + i for i in range(7)]
    assert len(run.system_samples) == 10
    assert run.inputs == (RawInput("corpus", "abc123", "local", '{"cols": []}', '{"num_rows": 1200}', "training"),)


def test_nan_and_infinity_are_unknown_values_of_known_metrics(
    everything: Everything, store: Path, ids: dict[str, str]
) -> None:
    values = {point.key: point.value for point in everything(store)["finished"].metrics}
    assert values["grad_norm"] is None
    assert values["perplexity"] is None


def test_who_started_a_run_is_not_read(everything: Everything, store: Path, ids: dict[str, str]) -> None:
    assert everything(store)["finished"].tags.keys() >= {"team"}
    assert "mlflow.user" not in everything(store)["finished"].tags


def test_every_status_and_deleted_runs_are_read(everything: Everything, store: Path, ids: dict[str, str]) -> None:
    runs = everything(store)
    assert {name: (run.status, run.lifecycle_stage) for name, run in runs.items()} == {
        "finished": ("FINISHED", "active"),
        "failed": ("FAILED", "active"),
        "killed": ("KILLED", "active"),
        "running": ("RUNNING", "active"),
        "deleted": ("FINISHED", "deleted"),
    }


def test_a_second_reading_asks_only_for_what_may_have_changed(
    everything: Everything, store: Path, ids: dict[str, str]
) -> None:
    seen = Seen(1_800_000_250_000, known=frozenset(ids.values()))
    assert set(everything(store, seen)) == {"failed", "running", "deleted"}
    assert set(everything(store, seen._replace(open=frozenset({ids["killed"]})))) == {
        "failed",
        "running",
        "deleted",
        "killed",
    }
    assert set(everything(store, seen._replace(deleted=frozenset({ids["deleted"]})))) == {"failed", "running"}
    restored = seen._replace(deleted=frozenset({ids["killed"], ids["deleted"]}))
    assert set(everything(store, restored)) == {"failed", "running", "killed"}


def test_a_run_that_was_moved_in_with_old_times_is_read(
    everything: Everything, store: Path, ids: dict[str, str]
) -> None:
    known = frozenset(ids.values()) - {ids["killed"]}
    assert "killed" in everything(store, Seen(1_900_000_000_000, known=known))


def test_only_experiments_that_match_are_read(everything: Everything, store: Path, ids: dict[str, str]) -> None:
    assert set(everything(store, patterns=("tri*",))) == {"failed", "killed"}
    assert everything(store, patterns=("nothing",)) == {}


def test_runs_come_in_batches_of_at_most_2000(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.executemany(
            "insert into runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id) "
            "values (?, ?, 'FINISHED', ?, ?, 'active', 0)",
            [(f"{i:032x}", f"run {i}", i, i + 1) for i in range(4100)],
        )
    connection.close()
    sizes = [batch["raw_runs"].num_rows for batch in open_reader(f"sqlite:///{store}").read(["*"])]
    assert sizes == [2000, 2000, 100]


def test_times_and_lengths_that_no_client_would_write_are_read_as_they_are(everything: Everything, store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute(
            "insert into runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id) "
            "values ('a', 'odd', 'FINISHED', -5, -9, 'active', 0)"
        )
        connection.execute("insert into params values ('long', ?, 'a')", ("x" * 8000,))
    connection.close()
    odd = everything(store)["odd"]
    assert (odd.start_ms, odd.end_ms, len(odd.params["long"])) == (-5, -9, 8000)


def test_reading_changes_neither_the_file_nor_its_folder(
    everything: Everything, store: Path, ids: dict[str, str]
) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("pragma journal_mode = delete")
    connection.close()
    before = hashlib.sha256(store.read_bytes()).hexdigest(), sorted(store.parent.iterdir()), store.stat().st_mtime_ns
    everything(store)
    assert (
        hashlib.sha256(store.read_bytes()).hexdigest(),
        sorted(store.parent.iterdir()),
        store.stat().st_mtime_ns,
    ) == before


def test_what_a_job_has_committed_to_a_write_ahead_log_is_read(
    everything: Everything, store: Path, ids: dict[str, str], tmp_path: Path
) -> None:
    writer = sqlite3.connect(store)
    writer.execute("pragma journal_mode = wal")
    writer.execute("update runs set name = 'renamed' where name = 'failed'")
    writer.commit()
    assert "renamed" in everything(store)
    copy = tmp_path / "copy" / "mlflow.db"
    copy.parent.mkdir()
    shutil.copyfile(store, copy)
    shutil.copyfile(store.with_name("mlflow.db-wal"), copy.with_name("mlflow.db-wal"))
    writer.close()
    assert "renamed" in everything(copy)


def test_a_relative_path_is_meant_from_the_working_folder(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.parent)
    assert open_reader("sqlite:///mlflow.db").source == "sqlite:///mlflow.db"


def test_a_path_with_blanks_percent_and_question_mark_signs_is_found(store: Path, tmp_path: Path) -> None:
    odd = tmp_path / "my 100% runs#1" / "ml flow.db"
    odd.parent.mkdir()
    shutil.copyfile(store, odd)
    assert open_reader(f"sqlite:///{odd}").experiments()[0].name == "Default"


def test_a_missing_store_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.db"
    with pytest.raises(StoreError, match=r"no file .*nowhere\.db.*tracking_uri"):
        open_reader(f"sqlite:///{path}")
    assert not path.exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("not a database, but long enough to be read as one" * 50)
    with pytest.raises(StoreError, match="no SQLite database"):
        open_reader(f"sqlite:///{path}")


def test_a_database_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table shopping (item text)")
    connection.close()
    with pytest.raises(StoreError, match="no MLflow store"):
        open_reader(f"sqlite:///{path}")


def test_a_store_of_another_version_is_refused_with_both_versions_and_what_to_do(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("alter table latest_metrics rename column is_nan to not_a_number")
        connection.execute("update alembic_version set version_num = 'feedbeef'")
    connection.close()
    with pytest.raises(StoreError, match=r"feedbeef.*latest_metrics\.is_nan.*mlflow db upgrade"):
        open_reader(f"sqlite:///{store}")


def test_an_unknown_version_that_holds_all_columns_is_read(
    everything: Everything, store: Path, ids: dict[str, str]
) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("update alembic_version set version_num = 'feedbeef'")
    connection.close()
    assert len(everything(store)) == 5


def test_the_supported_version_is_the_one_that_this_mlflow_makes(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        found = connection.execute("select version_num from alembic_version").fetchone()[0]
    connection.close()
    assert found == sql_reader.SUPPORTED_REVISION


def test_a_store_that_a_job_has_locked_may_be_tried_again(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_sqlite, "BUSY_TIMEOUT_S", 0.05)
    reader = open_reader(f"sqlite:///{store}")
    writer = sqlite3.connect(store)
    writer.execute("begin exclusive")
    with pytest.raises(StoreUnreachableError, match="try again later"):
        reader.experiments()
    writer.close()


def test_a_uri_without_a_path_says_how_to_write_one() -> None:
    with pytest.raises(StoreError, match="sqlite:////absolute"):
        open_reader("sqlite://")
