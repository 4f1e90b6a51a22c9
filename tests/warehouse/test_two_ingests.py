"""Two ingests of one store at once: one waits or says that it must, and nothing is doubled."""

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, STDOUT

from planner.warehouse.build import run_checks
from planner.warehouse.connection import connect

NUM_RUNS = 300
INGEST = """
import sys
from pathlib import Path
from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.errors import WarehouseError
from planner.warehouse import connection
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
connection.PATIENCE_S = float(sys.argv[2])
source = "sqlite:///mlflow.db"
runs = [
    RawRun(f"{n:032x}", "1", "e", "r", "FINISHED", "active", 1_780_000_000_000 + n, 1_780_000_900_000 + n,
           {"p": str(n)}, {}, (), (), ())
    for n in range(int(sys.argv[3]))
]
print("ready", flush=True)
sys.stdin.readline()
try:
    with connection.connect(Path(sys.argv[1])) as db:
        land(db, source, (as_batch(runs[first : first + 50]) for first in range(0, len(runs), 50)))
        understand(db, load_catalog(), Programme.model_validate({"name": "t", "sources": [{"tracking_uri": source}]}))
except WarehouseError as error:
    print(error)
"""


def at_once(path: Path, patience_s: float) -> list[str]:
    """What two ingests that begin together say."""
    words = [sys.executable, "-c", INGEST, str(path), str(patience_s), str(NUM_RUNS)]
    both = [
        subprocess.Popen(words, cwd=Path(__file__).parents[2], text=True, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in both:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate()[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    return said


def is_whole(path: Path) -> bool:
    with connect(path) as db:
        counts = [
            db.execute(f"select count(*) from {table}")[0][0] for table in ("raw_runs", "raw_params", "training_runs")
        ]
        return counts == [NUM_RUNS] * 3 and "check_duplicate_runs" not in run_checks(db)


def test_the_second_waits(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    assert at_once(path, patience_s=120) == ["", ""]
    assert is_whole(path)


def test_the_second_says_that_another_is_at_work(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    said = sorted(at_once(path, patience_s=0))
    assert said[0] == ""
    assert "is in use by another process: wait until it has finished" in said[1]
    assert is_whole(path)
