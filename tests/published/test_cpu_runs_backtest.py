"""Seventy-two real runs on one CPU, from the store that trainers filled to the backtest."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from planner.calibration.backtest import Prediction, leave_one_out, rolling_origin, score
from planner.calibration.compare import Comparison, compare
from planner.catalog.load import load_catalog
from planner.domain.estimate import Resource
from planner.domain.programme import Programme, Source
from planner.domain.training_run import TrainingRun
from planner.sources.reader import open_reader
from planner.warehouse.connection import connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
from planner.warehouse.tables import read

STORE = Path(__file__).parents[2] / ".." / "shared" / "mlflow_cpu_runs" / "mlflow.db"
RESOURCES: tuple[Resource, ...] = ("duration_s", "tokens_per_s_per_accelerator", "start_up_s", "host_peak_bytes")
FIRST_RUNS = 20
"""Runs of the rolling origin that are not scored: nothing is known yet."""


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    if not STORE.is_file():
        pytest.skip(f"{STORE.parent} is not there")
    catalog = load_catalog()
    source = SOURCE_WITH_HARDWARE
    with connect(tmp_path_factory.mktemp("backtest") / "warehouse.duckdb") as db:
        reader = open_reader(source.tracking_uri)
        land(db, reader.source, reader.read(source.experiments))
        understand(db, catalog, Programme(name="cpu", sources=(source,)))
        yield compare(read(db, "training_runs", TrainingRun), catalog.prices)
