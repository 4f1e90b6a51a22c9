"""The schedule on one machine, with a real server: takes up to two minutes, because cron knows no less than one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT_S = 240.0


@pytest.mark.slow
def test_serve_runs_the_weekly_flow_on_its_schedule_without_any_other_service(programme: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment["PREFECT_HOME"] = str(tmp_path / "prefect")
    words = [sys.executable, "-m", "planner.cli", "serve", "--config", str(programme), "--cron", "* * * * *"]
    report = programme.parent / ".foretune" / "report.html"
    log_path = tmp_path / "serve.log"
    with log_path.open("w") as log:
        serving = subprocess.Popen(words, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        try:
            give_up = time.monotonic() + LIMIT_S
            while not report.exists() and serving.poll() is None and time.monotonic() < give_up:
                time.sleep(1)
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.wait(timeout=120)
    assert report.exists(), log_path.read_text()[-3000:]
