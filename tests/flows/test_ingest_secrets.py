"""A password in a tracking URI must not be found in anything that foretune and Prefect leave behind."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PASSWORD = "hunter2-s3cret"  # noqa: S105
TELLS_ALL = {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_LOGGING_TO_API_ENABLED": "true", "FORETUNE_DEBUG": "1"}
"""As on a Prefect server that keeps every log line."""
pytestmark = pytest.mark.slow


def run_command(command: str, programme: Path, address: str) -> subprocess.CompletedProcess[str]:
    """A command for a programme whose store is asked with a password; Prefect's own files go beside it."""
    text = programme.read_text()
    old = next(line.split("tracking_uri:")[1].strip() for line in text.splitlines() if "tracking_uri:" in line)
    programme.write_text(text.replace(old, f"http://ann:{PASSWORD}@{address}"))
    words = [sys.executable, "-m", "planner.cli", command, "--config", str(programme)]
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"} | TELLS_ALL
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "PREFECT_HOME": str(programme.parent / "prefect")}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)


def written_beside(programme: Path) -> list[Path]:
    folders = (programme.parent / ".foretune", programme.parent / "prefect")
    return [file for folder in folders for file in folder.rglob("*") if file.is_file()]


def holding_password(files: list[Path]) -> list[str]:
    return [file.name for file in files if PASSWORD.encode() in file.read_bytes()]


def test_a_password_in_a_tracking_uri_is_found_nowhere(
    replayed: Path, serve: Callable[[Path], str], programme: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    address = serve(Path(shutil.copy(replayed, tmp_path_factory.mktemp("server"))))
    done = run_command("weekly", programme, address)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"http://{address}" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    written = written_beside(programme)
    assert {file.name for file in written} >= {"warehouse.duckdb", "snapshot.duckdb", "report.html", "prefect.db"}
    assert holding_password(written) == []


def test_a_password_for_a_server_that_is_down_is_in_no_traceback(programme: Path) -> None:
    done = run_command("ingest", programme, "127.0.0.1:9")
    assert done.returncode == 2
    assert "StoreUnreachableError" in done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    written = written_beside(programme)
    assert "prefect.db" in {file.name for file in written}
    assert holding_password(written) == []
