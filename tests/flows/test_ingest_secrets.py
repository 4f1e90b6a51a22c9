"""A password in a tracking URI must not be found in anything that foretune leaves behind."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

PASSWORD = "hunter2-s3cret"  # noqa: S105
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(replayed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the replayed store; host and port."""
    folder = tmp_path_factory.mktemp("server")
    with sqlite3.connect(replayed) as source, sqlite3.connect(folder / "mlflow.db") as copy:
        source.backup(copy)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [*words, "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            connection = HTTPConnection("127.0.0.1", port, timeout=1)
            try:
                connection.request("GET", "/health")
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.3)
            finally:
                connection.close()
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def test_a_password_in_a_tracking_uri_is_found_nowhere(server: str, programme: Path) -> None:
    text = programme.read_text()
    old = next(line.split("tracking_uri:")[1].strip() for line in text.splitlines() if "tracking_uri:" in line)
    programme.write_text(text.replace(old, f"http://ann:{PASSWORD}@{server}"))
    words = [sys.executable, "-m", "planner.cli", "weekly", "--config", str(programme)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"http://{server}" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    written = [file for file in (programme.parent / ".foretune").rglob("*") if file.is_file()]
    assert {file.name for file in written} >= {"warehouse.duckdb", "snapshot.duckdb", "report.html"}
    assert [file.name for file in written if PASSWORD.encode() in file.read_bytes()] == []
