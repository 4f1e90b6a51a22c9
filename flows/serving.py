"""The served deployments as a process group of their own, so that a stop ends them and every run that they started."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from prefect.schedules import Cron

WORDS = [sys.executable, "-P", "-m", "flows.deploy"]
"""-P: a folder ``flows`` where the command is given is not ours."""
STOP_LIMIT_S = 20.0
"""Prefect's own way to stop waits for its server and for runs, which may ignore that they are to end."""


def check_cron(cron: str) -> None:
    """``ValueError`` where it is no schedule."""
    Cron(cron)


def serve_until_stopped(config_path: Path, cron: str) -> int:
    """Serves the programme's deployments until SIGINT or SIGTERM; the exit code of what serves them, 0 if stopped.

    A run that is cut off changes nothing: the next one does its work again.
    """
    before = signal.signal(signal.SIGTERM, _as_interrupt)
    serving = subprocess.Popen([*WORDS, str(config_path), cron], start_new_session=True)  # noqa: S603 (our own module)
    try:
        return serving.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(serving, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            serving.wait(timeout=STOP_LIMIT_S)
        _end(serving, getattr(signal, "SIGKILL", signal.SIGTERM))
        signal.signal(signal.SIGTERM, before)


def _end(serving: "subprocess.Popen[bytes]", number: int) -> None:
    """Sends a signal to the whole group where the system has groups."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(serving.pid, number)
        else:
            serving.terminate()


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
