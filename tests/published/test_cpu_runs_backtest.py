"""Seventy-two real runs on one CPU, from the store that trainers filled to the backtest."""

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
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    if not STORE.is_file():
        pytest.skip(f"{STORE.parent} is not there")
    catalog = load_catalog()
    source = Source(tracking_uri=f"sqlite:///{STORE.resolve()}")
    with connect(tmp_path_factory.mktemp("backtest") / "warehouse.duckdb") as db:
        reader = open_reader(source.tracking_uri)
        land(db, reader.source, reader.read(source.experiments))
        understand(db, catalog, Programme(name="cpu", sources=(source,)))
        return compare(read(db, "training_runs", TrainingRun), catalog.prices)


def test_every_run_can_be_estimated_and_compared(comparison: Comparison) -> None:
    assert comparison.refusals == ()
    assert len(comparison.cases) == 72
    for case in comparison.cases:
        assert set(RESOURCES) <= {residual.resource for residual in case.residuals}


@pytest.fixture(scope="module")
def left_out(comparison: Comparison) -> tuple[Prediction, ...]:
    return leave_one_out(comparison.cases, prior="p")


def test_a_run_is_predicted_well_from_the_others(left_out: tuple[Prediction, ...]) -> None:
    found = {one.resource: one for one in score(left_out)}
    assert found["duration_s"].prior_median_ape > 0.25
    assert found["duration_s"].median_ape <= 0.08
    assert found["duration_s"].p90_ape <= 0.25
    assert found["tokens_per_s_per_accelerator"].median_ape <= 0.08
    assert found["tokens_per_s_per_accelerator"].p90_ape <= 0.25
    assert found["start_up_s"].median_ape < 0.12


@pytest.mark.parametrize("resource", RESOURCES)
def test_intervals_from_the_other_runs_are_honest(left_out: tuple[Prediction, ...], resource: Resource) -> None:
    within = [prediction.within for prediction in left_out if prediction.resource == resource]
    assert 0.75 <= np.mean(within) <= 0.88


def test_intervals_from_the_runs_before_are_honest(comparison: Comparison) -> None:
    in_time = sorted(comparison.cases, key=lambda case: case.residuals[0].ended_at)
    early = {case.residuals[0].run_id for case in in_time[:FIRST_RUNS]}
    predictions = rolling_origin(comparison.cases, prior="p", max_refits=72)
    later = [one for one in predictions if one.run_id not in early and one.resource in RESOURCES]
    for found in score(later):
        assert 0.75 <= found.coverage_80 <= 0.92
