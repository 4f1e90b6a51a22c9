import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

from planner.settings import shipped_folder
from planner.sources.replay import replay

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NUM_WEEKS = 9


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real MLflow store with nine weeks of the demo."""
    folder = tmp_path_factory.mktemp("replayed")
    table = shipped_folder("examples") / "published_runs.csv"
    replay(table, f"sqlite:///{folder / 'mlflow.db'}", until=MONDAY, weeks=NUM_WEEKS)
    return folder / "mlflow.db"


@pytest.fixture
def programme(replayed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's programme beside a store of its own; foretune's files go beside it."""
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    shutil.copy(replayed, tmp_path / "mlflow.db")
    shutil.copy(shipped_folder("examples") / "demo" / "foretune.yaml", tmp_path)
    return tmp_path / "foretune.yaml"


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Starts a tracking server over a store's file and gives its host and port; it ends with the tests."""
    servers: list[subprocess.Popen[bytes]] = []

    def start(file: Path) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
        servers.append(
            subprocess.Popen(
                [*words, "--backend-store-uri", f"sqlite:///{file}"],
                cwd=file.parent,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        _wait_for(port)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        os.killpg(server.pid, 15)
        server.wait(timeout=30)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.3)
        finally:
            connection.close()
    raise AssertionError(f"no answer on port {port}")
