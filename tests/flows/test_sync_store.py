"""What changes in a store between two readings is found by the second, and nothing else is touched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Dataset, DatasetInput, LoggedModelOutput, Metric
from mlflow.tracking import MlflowClient

from flows.ingest_runs import DAY_MS, READ_WHOLE_EVERY_MS, sync_store
from planner.warehouse.connection import Warehouse, connect

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own use of SQLAlchemy
NOW_MS = 1_790_000_000_000


def log_run(client: MlflowClient, name: str, days_ago: float, status: str | None = "FINISHED") -> str:
    start_ms = NOW_MS - int(days_ago * DAY_MS)
    run_id: str = client.create_run("0", start_time=start_ms, run_name=name).info.run_id
    if status:
        client.set_terminated(run_id, status, start_ms + 1000)
    return run_id


def heads(db: Warehouse) -> dict[str, tuple[Any, ...]]:
    rows = db.execute(
        "select run_name, status, lifecycle_stage, (select count(*) from raw_metrics m where m.run_id = r.run_id), "
        "(select max(value) from raw_tags t where t.run_id = r.run_id and key = 'team') from raw_runs r"
    )
    return {name: tuple(rest) for name, *rest in rows}


@pytest.mark.parametrize("by_server", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["file", "server"])
def test_late_running_resumed_deleted_restored_and_old_changes(
    by_server: bool, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    """A file tells of runs that were moved in with old times at once, a server when it is read whole."""
    file = tmp_path / "mlflow.db"
    client = MlflowClient(f"sqlite:///{file}")
    client.search_experiments()
    uri = f"http://{serve(file)}" if by_server else f"sqlite:///{file}"
    ids = {
        name: log_run(client, name, days)
        for name, days in {
            "late metric": 3,
            "late tag": 3,
            "late inputs": 3,
            "resumed": 90,
            "deleted": 90,
            "to restore": 90,
            "old tag": 90,
            "new": 0.1,
        }.items()
    }
    ids["running"] = log_run(client, "running", 90, None)
    client.delete_run(ids["to restore"])
    with connect(tmp_path / "w.duckdb") as db:
        assert sync_store(db, uri, ("*",), now_ms=NOW_MS).num_changed == 9
        again = sync_store(db, uri, ("*",), now_ms=NOW_MS + 1)
        assert (again.num_read, again.num_changed) == (5, 0)
        client.log_batch(ids["late metric"], metrics=[Metric("eval", 1.0, NOW_MS, 1)])
        client.set_tag(ids["late tag"], "team", "chat")
        client.set_tag(ids["old tag"], "team", "chat")
        client.log_inputs(ids["late inputs"], [DatasetInput(Dataset("corpus", "abc", "local", "{}", "{}", "{}"), [])])
        model = client.create_logged_model("0", name="adapter", source_run_id=ids["late inputs"])
        client.log_outputs(ids["late inputs"], [LoggedModelOutput(model.model_id, step=2)])
        client.update_run(ids["resumed"], status="RUNNING")
        client.delete_run(ids["deleted"])
        client.restore_run(ids["to restore"])
        client.set_terminated(ids["running"], "FAILED", NOW_MS)
        moved_in = log_run(client, "moved in", 400)
        second = sync_store(db, uri, ("*",), now_ms=NOW_MS + 2)
        assert second.num_changed == 8 - by_server
        found = heads(db)
        assert found["late metric"][2] == 1
        assert found["late tag"][3] == "chat"
        assert db.execute("select run_id, name from raw_inputs") == [(ids["late inputs"], "corpus")]
        assert db.execute("select run_id, name from raw_models") == [(ids["late inputs"], "adapter")]
        assert found["resumed"][0] == "RUNNING"
        assert found["deleted"][1] == "deleted"
        assert found["to restore"][1] == "active"
        assert found["running"][0] == "FAILED"
        assert found["old tag"][3] is None
        assert (moved_in in {run_id for (run_id,) in db.execute("select run_id from raw_runs")}) != by_server
        third = sync_store(db, uri, ("*",), now_ms=NOW_MS + READ_WHOLE_EVERY_MS)
        assert (third.num_read, third.num_changed) == (10, 1 + by_server)
        assert heads(db)["old tag"][3] == "chat"
