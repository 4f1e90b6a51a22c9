"""A disk that fills up in any step after landing: one clear error, and what was there before stays."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.warehouse.build import build
from planner.warehouse.connection import Warehouse, connect, open_snapshot
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
from planner.warehouse.snapshot import publish

MakeRun = Callable[..., RawRun]
Dump = Callable[[Warehouse], dict[str, list[tuple[Any, ...]]]]
SOURCE = "sqlite:///mlflow.db"
PROGRAMME = Programme.model_validate({"name": "t", "sources": [{"tracking_uri": SOURCE}]})
NOW = datetime(2026, 11, 23, tzinfo=UTC)
NUM_RUNS = 600
PREPARED = {"understand": 0, "build": 1, "publish": 2}
"""Step -> how many of the steps before it were done."""

FULL_DISK = """
import resource, sys
from pathlib import Path
from planner.errors import WarehouseError
from planner.warehouse.connection import connect
from tests.warehouse.test_full_disk import STEPS
path, step = Path(sys.argv[1]), sys.argv[2]
try:
    with connect(path) as db:
        limit = {"understand": path.stat().st_size + 20_000, "build": 50_000, "publish": 300_000}[step]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        STEPS[step](db)
except WarehouseError as error:
    print(error)
"""

STEPS: dict[str, Callable[[Warehouse], object]] = {
    "understand": lambda db: understand(db, load_catalog(), PROGRAMME),
    "build": lambda db: build(db, time_zone="UTC", as_of=NOW),
    "publish": lambda db: publish(db, db.path.with_name("snapshot.duckdb")),
}


@pytest.mark.parametrize("step", STEPS)
def test_what_was_there_before_stays_and_the_step_can_be_done_again(
    tmp_path: Path, make_run: MakeRun, dump: Dump, step: str
) -> None:
    path = tmp_path / "warehouse.duckdb"
    with connect(path) as db:
        land(db, SOURCE, [as_batch([make_run(n, params={"p": f"{n}"}) for n in range(NUM_RUNS)])])
        for done in list(STEPS)[: PREPARED[step]]:
            STEPS[done](db)
        if step == "publish":
            db.execute("create table old as select 1 as one")
            publish(db, tmp_path / "snapshot.duckdb")
            db.execute("create table large as select hash(range) as x from range(1000000)")
        db.execute("checkpoint")
        before = dump(db)
    words = [sys.executable, "-c", FULL_DISK, str(path), step]
    run = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert run.stdout.startswith("cannot write"), run.stderr[-2000:]
    assert "free space" in run.stdout
    with connect(path) as db:
        after = dump(db)
        kept = {name: rows for name, rows in before.items() if name.startswith("raw_") or step == "publish"}
        assert {name: after[name] for name in kept} == kept
        if step == "publish":
            with open_snapshot(tmp_path / "snapshot.duckdb") as snapshot:
                assert snapshot.execute("from old") == [(1,)]
        STEPS[step](db)
        if step == "understand":
            assert db.execute("select count(*) from training_runs") == [(NUM_RUNS,)]
