from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import cli
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.settings import read_settings
from planner.warehouse.connection import connect, open_snapshot
from planner.warehouse.landing import land

SOURCE = "sqlite:////gone/mlflow.db"
RUN = RawRun(
    "r1", "1", "chat", "run", "FINISHED", "active", 1_780_000_000_000, 1_780_000_900_000,
    {"per_device_train_batch_size": "4"}, {}, (), (), ()
)  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A programme whose store is gone."""
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    path = tmp_path / "foretune.yaml"
    path.write_text(f"name: team\nsources: [{{tracking_uri: '{SOURCE}'}}]\n")
    return path


def rebuild(config: Path) -> Result:
    return CliRunner().invoke(cli, ["rebuild", "--config", str(config)])


def test_marts_come_back_from_raw_rows_though_the_store_is_gone(config: Path) -> None:
    settings = read_settings({}, config)
    with connect(settings.warehouse_path) as db:
        land(db, SOURCE, [as_batch([RUN])])
    printed = rebuild(config)
    assert printed.exit_code == 0, printed.output
    assert "1 runs" in printed.output
    with connect(settings.warehouse_path) as db:
        history = db.execute("select * from run_history")
        db.execute("drop table run_history")
        db.execute("delete from training_runs")
    assert len(history) == 1
    assert rebuild(config).exit_code == 0
    with connect(settings.warehouse_path) as db:
        assert db.execute("select * from run_history") == history
    with open_snapshot(settings.snapshot_path) as snapshot:
        assert snapshot.execute("select count(*) from run_history") == [(1,)]


def test_without_a_warehouse_it_says_what_to_do(config: Path) -> None:
    printed = rebuild(config)
    assert "run `foretune ingest` once" in str(printed.exception)
    assert not read_settings({}, config).warehouse_path.exists()
