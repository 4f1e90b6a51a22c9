"""A Prefect server of our own on this machine, for schedules where no other server is configured."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from planner.errors import PlannerError

START_LIMIT_S = 120.0


@contextmanager
def local_server() -> Iterator[str]:
    """Starts a server with a scheduler on a free loopback port and stops it at the end; its API's address.

    Prefect's temporary server, which one-shot runs use, has no scheduler.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    words = [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--host", "127.0.0.1", "--port", port]
    address = f"http://127.0.0.1:{port}/api"
    quiet = os.environ | {"PREFECT_LOGGING_SERVER_LEVEL": "WARNING"}
    server = subprocess.Popen(words, env=quiet, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait(server, address)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait(server: "subprocess.Popen[bytes]", address: str) -> None:
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up:
        if server.poll() is not None:
            raise PlannerError(
                f"Prefect's server ended with code {server.returncode}; try `prefect server start` by hand"
            )
        try:
            with urlopen(f"{address}/health", timeout=2):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.3)
    raise PlannerError(f"Prefect's server at {address} did not answer within {START_LIMIT_S:.0f} s")
