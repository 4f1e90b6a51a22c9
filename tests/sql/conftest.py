from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.warehouse.connection import Warehouse, connect


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Warehouse]:
    with connect(tmp_path / "warehouse.duckdb") as opened:
        yield opened
