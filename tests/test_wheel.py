import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        str(ROOT),
        "-w",
        str(folder),
    ]
    subprocess.run(build, check=True, capture_output=True, cwd=folder)
    (built,) = folder.glob("foretune-*.whl")
    return built


def test_sql_catalogs_templates_examples_and_dashboard_ship_inside_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("sql", "dashboards", "examples"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"planner/{file.relative_to(ROOT).as_posix()}" in names
    assert {"planner/catalog/models.csv", "planner/cli/templates/run.yaml", "planner/report/weekly.html.j2"} <= names
    assert not [name for name in names if name.startswith("tests")]


def test_a_wheel_unpacked_anywhere_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "import planner; assert planner.__file__.startswith(sys.path[0]), planner.__file__\n"
        "from planner.settings import shipped_folder\n"
        "assert (shipped_folder('sql') / 'marts').is_dir() and (shipped_folder('dashboards') / 'app.py').is_file()\n"
        "from planner.warehouse.build import build\n"
        "from planner.warehouse.connection import connect\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "with connect(Path('w.duckdb')) as db:\n"
        "    build(db, time_zone='UTC', as_of=datetime(2026, 1, 5, tzinfo=UTC))\n"
        "from planner.cli import cli\n"
        "cli(['init'], standalone_mode=False)\n"
        "cli(['gate', 'run.yaml', '--no-log'], standalone_mode=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(site)], cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ALLOW" in done.stdout
