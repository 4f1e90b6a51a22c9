"""An ingest killed at 50 random moments and started again: is the warehouse that of an undisturbed one?

Usage: python -m benchmarks.kill_ingest [NUM_MOMENTS] [NUM_RUNS]
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.make_store import make_store
from benchmarks.page import ROOT, write_page
from planner.warehouse.connection import connect

INGEST = """
import sys
from pathlib import Path
from benchmarks.ingest_speed import ingest
from planner.sources import sql_reader
from planner.warehouse import facts
if __name__ == "__main__":
    sql_reader.BATCH_RUNS, facts.RUNS_PER_PART, facts.PARALLEL_FROM = 100, 50, 200
    print("reading", flush=True)
    ingest(Path(sys.argv[1]), sys.argv[2])
"""


def start(warehouse: Path, uri: str) -> "subprocess.Popen[bytes]":
    script = warehouse.parent / "ingest.py"
    script.write_text(INGEST)
    words = [sys.executable, str(script), str(warehouse), uri]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT)  # noqa: S603


ENVIRONMENT = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def content(warehouse: Path) -> dict[str, list[tuple[Any, ...]]]:
    with connect(warehouse) as db:
        tables = db.execute(
            "select table_name from duckdb_tables() where database_name = current_database() order by 1"
        )
        return {name: sorted(db.execute(f"select * from {name}"), key=repr) for (name,) in tables}


def wait(process: "subprocess.Popen[bytes]") -> float:
    """Seconds from the first word to the end."""
    assert process.stdout is not None
    process.stdout.readline()
    started = time.monotonic()
    process.communicate()
    assert process.returncode == 0
    return time.monotonic() - started


def main() -> None:
    num_moments, num_runs = (int(word) for word in (sys.argv[1:] + ["50", "1000"][len(sys.argv) - 1 :]))
    rng, wrong, part_landed = random.Random(1), 0, 0  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        make_store(uri, num_runs)
        whole_s = wait(start(folder / "undisturbed.duckdb", uri))
        expected = content(folder / "undisturbed.duckdb")
        for moment in range(num_moments):
            path = folder / f"{moment}.duckdb"
            process = start(path, uri)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, whole_s))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if path.exists():
                with connect(path) as db:
                    part_landed += (
                        0 < db.execute("select count(*) from training_runs")[0][0] < num_runs
                        if db.execute("select 1 from duckdb_tables() where table_name = 'training_runs'")
                        else 0
                    )
            wait(start(path, uri))
            wrong += content(path) != expected
            print(moment, wrong, flush=True)
            path.unlink()
    write_page(
        "kill_ingest",
        "An ingest killed and started again",
        f"SIGKILL at a random moment of an ingest of {num_runs:,} runs, then a second ingest; every table is compared "
        "with that of an undisturbed ingest.",
        ("moments", "killed between first and last run understood", "different warehouses"),
        [(str(num_moments), str(part_landed), str(wrong))],
    )


if __name__ == "__main__":
    main()
