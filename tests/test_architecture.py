import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 350


def test_imports_point_down() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("command", ["estimate", "gate"])
def test_estimate_and_gate_load_neither_prefect_nor_mlflow_nor_pandas(command: str) -> None:
    run = ROOT / "planner" / "cli" / "templates" / "run.yaml"
    programme = ROOT / "planner" / "cli" / "templates" / "foretune.yaml"
    script = (
        "import sys\n"
        "from planner.cli import cli\n"
        f"cli([{command!r}, {str(run)!r}, '--config', {str(programme)!r}, '--json']"
        f" + (['--no-log'] if {command!r} == 'gate' else []), standalone_mode=False)\n"
        "print(sorted({'prefect', 'mlflow', 'pandas', 'scipy', 'altair'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_no_file_has_grown_past_one_job() -> None:
    too_long = {
        str(file.relative_to(ROOT)): lines
        for folder in ("planner", "flows", "dashboards", "sql", "tests")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in {".py", ".sql"} and (lines := len(file.read_text().splitlines())) > MAX_LINES
    }
    assert not too_long


def test_the_server_inside_prefect_imports_with_the_pinned_fastapi() -> None:
    from prefect.testing.utilities import prefect_test_harness

    assert callable(prefect_test_harness)
