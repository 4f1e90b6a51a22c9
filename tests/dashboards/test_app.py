import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from planner.domain import Frozen
from planner.report.page import (
    AccuracyRow,
    ComparisonRow,
    DemandRow,
    DriftPointRow,
    DriftRow,
    ForecastRow,
    GateRow,
    QualityRow,
    TotalRow,
    UnreadRow,
)

pytest.importorskip("streamlit", reason="install foretune[dashboard]")

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "dashboards" / "app.py"
AS_OF = datetime(2026, 11, 23, 5, tzinfo=UTC)
QUANTILES = {"p10": 80.0, "p50": 100.0, "p90": 130.0, "mean": 102.0}
PER_RUN = {"run_id": "r1", "run_name": "<script>alert(1)</script>", "experiment": "weekly-sft"}


def _marts() -> dict[str, tuple[Frozen, dict[str, Any]]]:
    """One row of each mart, with the columns that the page does not read."""
    monday = date(2026, 11, 23)
    return {
        "weekly_forecast": (
            ForecastRow(week_start=monday, programme="all", resource="cost_usd", **QUANTILES),
            {"as_of": AS_OF, "calibration_id": "c1"},
        ),
        "horizon_forecast": (
            TotalRow(resource="cost_usd", **QUANTILES),
            {"as_of": AS_OF, "programme": "all", "num_weeks": 13, "week_start": monday},
        ),
        "weekly_demand": (
            DemandRow(
                week_start=date(2026, 11, 16), experiment="weekly-sft", runs=3, finished_runs=2,
                accelerator_hours=40.0, cost_usd=90.0,
            ),
            {},
        ),
        "estimate_vs_actual": (
            ComparisonRow(
                **PER_RUN, resource="duration_s", ended_at=AS_OF, actual=3600.0, prior_p50=2400.0, p10=3000.0,
                p50=3500.0, p90=4000.0, within=True,
            ),
            {"num_runs_before": 4},
        ),
        "accuracy": (
            AccuracyRow(
                resource="duration_s", num_runs=1, prior_median_ape_ratio=0.33, median_ape_ratio=0.03,
                p90_ape_ratio=0.03, coverage_80_ratio=1.0, bias_log=0.03,
            ),
            {},
        ),
        "drift_status": (
            DriftRow(
                resource="duration_s", group="all", num_runs=1, baseline_log_bias=0.1, recent_log_bias=0.1,
                statistic=1.0, limit=5.0, state="too_few_runs",
            ),
            {"as_of": AS_OF},
        ),
        "drift_history": (
            DriftPointRow(
                resource="duration_s", group="all", drift_id="d1", ended_at=AS_OF, ratio=1.1, ewma_ratio=1.05,
                band_ratio=1.04, statistic_share=0.4,
            ),
            {"run_id": "r1"},
        ),
        "gate_log": (
            GateRow(
                decided_at=AS_OF, name="run", verdict="block", reasons="does not fit", cost_usd_p50=None,
                duration_s_p50=3600.0, fits_probability=0.1, actual_duration_s=None,
            ),
            {"decision_id": "d1", "run_id": None},
        ),
        "data_quality": (
            QualityRow(
                experiment="weekly-sft", num_runs=3, num_estimable=2, field="model", known_ratio=0.67, origins="logged"
            ),
            {},
        ),
        "unread_runs": (UnreadRow(**PER_RUN, reason="no model was logged"), {}),
    }  # fmt: skip


def _write(path: Path, marts: dict[str, tuple[Frozen, dict[str, Any]]], *, empty: Sequence[str] = ()) -> None:
    with duckdb.connect(str(path)) as db:
        for name, (row, others) in marts.items():
            batch = pa.Table.from_pylist([row.model_dump() | others])
            db.execute(f"create table {name} as select * from batch{' limit 0' if name in empty else ''}")
            assert batch.num_rows == 1


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", [str(APP)])
    monkeypatch.setenv("FORETUNE_HOME", str(tmp_path))
    return tmp_path


def _run() -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    return app


def test_every_mart_has_its_tab(home: Path) -> None:
    _write(home / "snapshot.duckdb", _marts())
    app = _run()
    assert [tab.label for tab in app.tabs] == [
        "Forecast",
        "Estimate against actual",
        "Drift",
        "Gate log",
        "Data quality",
    ]
    assert len(app.dataframe) == 2 + 2 + 1 + 1 + 2
    assert len(app.get("vega_lite_chart")) == 1 + 2 + 1 + 1
    assert "100 USD" in app.dataframe[0].value.to_numpy()
    assert not app.error


def test_choosing_an_experiment_leaves_its_runs(home: Path) -> None:
    _write(home / "snapshot.duckdb", _marts())
    app = _run()
    app.sidebar.selectbox[0].select("weekly-sft").run()
    assert not app.exception
    assert app.tabs[1].dataframe[1].value["Run"].tolist() == ["<script>alert(1)</script>"]


def test_a_snapshot_without_rows_is_a_page_of_sentences(home: Path) -> None:
    marts = _marts()
    _write(home / "snapshot.duckdb", marts, empty=list(marts))
    app = _run()
    assert len(app.info) == 8
    assert not app.dataframe


def test_without_a_snapshot_the_page_says_what_to_do(home: Path) -> None:
    app = _run()
    assert "no snapshot at" in app.error[0].value


def test_the_path_of_a_snapshot_can_be_given(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy.duckdb"
    _write(elsewhere, _marts())
    monkeypatch.setattr(sys, "argv", [str(APP), str(elsewhere)])
    assert not _run().error
