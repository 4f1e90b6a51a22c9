"""One weekly job a folder: two at once would take turns in the warehouse and publish each other's half."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from planner.errors import WarehouseError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def one_at_a_time(home: Path, patience_s: float = 0.0) -> Iterator[None]:
    """Holds ``weekly.lock`` in foretune's folder; the system lets go of it even when the process is killed.

    Raises WarehouseError where another process still holds it after ``patience_s``.
    """
    path = home / "weekly.lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise WarehouseError(
            f"cannot write {path} ({error}): set FORETUNE_HOME to a folder you may write to"
        ) from error
    with file:
        give_up = time.monotonic() + patience_s
        while True:
            try:
                _lock(file)
                break
            except (BlockingIOError, PermissionError) as error:
                if time.monotonic() >= give_up:
                    raise WarehouseError(
                        f"another weekly job is at work in {home}: wait until it has finished"
                    ) from error
                time.sleep(1.0)
        yield
