"""MLflow's own server over a store, on loopback: for benchmarks and tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

START_LIMIT_S = 90.0


@contextmanager
def tracking_server(store: Path, *, workers: int = 1) -> Iterator[str]:
    """Host and port of a server over an SQLite file, whose folder also keeps the artifacts; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", str(workers), "--backend-store-uri", f"sqlite:///{store}"]
    process = subprocess.Popen(  # noqa: S603 (MLflow's own module over a file of ours)
        [*words, "--default-artifact-root", str(store.parent / "artifacts")],
        cwd=store.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.3)
        finally:
            connection.close()
    raise AssertionError(f"no answer on port {port} within {START_LIMIT_S:.0f} s")
