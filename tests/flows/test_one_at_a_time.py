import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.one_at_a_time import one_at_a_time
from planner.errors import WarehouseError

HOLDER = "import sys, time, pathlib\nfrom flows.one_at_a_time import one_at_a_time\n\
with one_at_a_time(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


def test_a_second_weekly_job_is_refused_until_the_first_ends_or_is_killed(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as first:
        assert first.stdout
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(WarehouseError, match="another weekly job"), one_at_a_time(tmp_path):
            pass
        first.send_signal(signal.SIGKILL)
        first.wait()
    with one_at_a_time(tmp_path):
        pass
    with one_at_a_time(tmp_path):
        pass
