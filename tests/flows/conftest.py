import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

from benchmarks.tracking_server import tracking_server
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
    with ExitStack() as servers:
        yield lambda file: servers.enter_context(tracking_server(file))
