from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from planner.domain.raw_run import RawMetric, RawRun
from planner.warehouse.connection import Warehouse, connect

Dump = Callable[[Warehouse], dict[str, list[tuple[Any, ...]]]]
MakeRun = Callable[..., RawRun]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Warehouse]:
    with connect(tmp_path / "warehouse.duckdb") as opened:
        yield opened


@pytest.fixture
def make_run() -> MakeRun:
    """A raw run with something in every part; any field can be given."""

    def make(number: int = 1, **given: Any) -> RawRun:
        run = RawRun(
            run_id=f"{number:032x}",
            experiment_id="1",
            experiment_name="chat",
            run_name=f"run {number}",
            status="FINISHED",
            lifecycle_stage="active",
            start_ms=1_780_000_000_000 + number * 1000,
            end_ms=1_780_000_000_500 + number * 1000,
            params={"optim": "adamw_torch"},
            tags={"team": "chat"},
            metrics=(RawMetric("loss", 1.5, 10, 1_780_000_000_400),),
            system_samples=(RawMetric("system/cpu_utilization_percentage", 50.0, 0, 1_780_000_000_100),),
            inputs=(),
        )
        return run._replace(**given)

    return make


@pytest.fixture
def dump() -> Dump:
    """Every row of every table, sorted."""

    def dump_all(db: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
        tables = db.execute("select table_name from duckdb_tables() where database_name = current_database()")
        return {name: sorted(db.execute(f"select * from {name}"), key=repr) for (name,) in sorted(tables)}

    return dump_all


@pytest.fixture(scope="session")
def cpu_runs() -> Path:
    """Seventy-two real runs as a trainer logged them, with ``truth.csv`` beside them."""
    folder = Path(__file__).parents[2] / ".." / "shared" / "mlflow_cpu_runs"
    if not (folder / "mlflow.db").is_file():
        pytest.skip(f"{folder} is not there")
    return folder.resolve()
