import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse, connect, open_snapshot


def test_a_warehouse_is_made_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "team" / "files" / "warehouse.duckdb"
    with connect(path) as db:
        assert db.execute("select count(*) from raw_runs") == [(0,)]
    assert path.is_file()


def test_times_are_utc_whatever_the_machine_says(db: Warehouse) -> None:
    assert db.execute("select make_timestamptz(0)::varchar") == [("1970-01-01 00:00:00+00",)]


@contextmanager
def opened_elsewhere(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process has the warehouse open until it is told to go on."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom planner.warehouse.connection import connect\n"
        f"with connect(Path({str(path)!r})) as db:\n    print('open', flush=True)\n    sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        yield other


def test_a_warehouse_in_use_by_another_process_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.warehouse.connection.PATIENCE_S", 0.3)
    path = tmp_path / "warehouse.duckdb"
    with opened_elsewhere(path) as other:
        with (
            pytest.raises(WarehouseError, match=r"warehouse\.duckdb is in use by another process: wait"),
            connect(path),
        ):
            pass
        other.communicate()
    with connect(path):
        pass


def test_a_warehouse_that_another_process_lets_go_of_soon_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with opened_elsewhere(path) as other:
        assert other.stdin is not None
        Timer(0.5, other.stdin.close).start()
        with connect(path) as db:
            assert db.execute("select count(*) from raw_runs") == [(0,)]


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(WarehouseError, match="move it away"), connect(path):
        pass


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match="FORETUNE_HOME"), connect(tmp_path / "file" / "warehouse.duckdb"):
        pass


def test_a_missing_snapshot_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="foretune weekly"), open_snapshot(tmp_path / "snapshot.duckdb"):
        pass


def test_what_fails_inside_a_transaction_leaves_nothing(db: Warehouse) -> None:
    def fail() -> None:
        with db.transaction(), db.transaction():
            db.execute("insert into ingest_state values ('a', '[]', 1, null)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert db.execute("select count(*) from ingest_state") == [(0,)]
