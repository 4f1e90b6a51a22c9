"""How serving ends: in time, with all that it started, however the runs behave."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STUBBORN = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
words = "import time; time.sleep(99)"
child = subprocess.Popen([sys.executable, "-c", words])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(99)
"""
SUPERVISED = """
import signal, sys
from pathlib import Path
from flows import serving
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
serving.STOP_LIMIT_S = 0.5
serving.WORDS = [sys.executable, "-c", Path("stubborn.py").read_text()]
sys.exit(serving.serve_until_stopped(Path(sys.argv[1]), "* * * * *"))
"""


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{process_id}/status").read_text() if Path("/proc").exists() else True


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no process groups")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_what_does_not_want_to_end(tmp_path: Path, number: int) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    noted = tmp_path / "child"
    serving = subprocess.Popen([sys.executable, "-c", SUPERVISED, str(noted)], cwd=tmp_path)
    give_up = time.monotonic() + 30
    while not (noted.exists() and noted.read_text()) and time.monotonic() < give_up:
        time.sleep(0.05)
    serving.send_signal(number)
    assert serving.wait(timeout=30) == 0
    time.sleep(0.1)
    assert not is_alive(int(noted.read_text()))


def test_what_fails_says_so(tmp_path: Path) -> None:
    failing = (
        "from flows import serving; import sys; serving.WORDS = [sys.executable, '-c', 'import sys; sys.exit(3)']; "
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{failing}sys.exit(serving.serve_until_stopped('x', 'y'))"], cwd=tmp_path, check=False
    )
    assert done.returncode == 3
