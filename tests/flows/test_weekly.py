from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.forecast_weekly import forecast_weekly
from flows.ingest_runs import ingest_runs
from planner.domain.calibration import Calibration
from planner.errors import StoreError
from planner.warehouse.connection import connect, open_snapshot
from planner.warehouse.tables import read, read_table

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)

Dump = dict[str, list[tuple[Any, ...]]]


def dump(folder: Path) -> Dump:
    """Every row of every table of the warehouse."""
    with connect(folder / ".foretune" / "warehouse.duckdb") as db:
        names = db.execute("select table_name from duckdb_tables() where database_name = current_database() order by 1")
        return {name: sorted(db.execute(f'select * from "{name}"'), key=repr) for (name,) in names}


def test_the_weekly_flow_learns_forecasts_publishes_and_reports_and_a_second_run_changes_nothing(
    programme: Path,
) -> None:
    folder = programme.parent
    report = forecast_weekly(programme, MONDAY)
    first = dump(folder)
    assert report == folder / ".foretune" / "report.html"
    page = report.read_text()
    for text in (
        "support-assistant",
        "Estimate against actual",
        "Drift",
        "23\N{NO-BREAK SPACE}Nov\N{NO-BREAK SPACE}2026",
    ):
        assert text in page

    with open_snapshot(folder / ".foretune" / "snapshot.duckdb") as snapshot:
        weeks = read_table(snapshot, "weekly_forecast", "programme = 'all' and resource = 'cost_usd'")
        accuracy = {row["resource"]: row for row in read_table(snapshot, "accuracy")}
        quality = read_table(snapshot, "data_quality", "field = 'cluster'")
    assert len(weeks) == 12
    assert all(0 < week["p10"] <= week["p50"] <= week["p90"] for week in weeks)
    assert accuracy["duration_s"]["median_ape_ratio"] < 0.1
    assert {row["known_ratio"] for row in quality} == {1.0}
    assert forecast_weekly(programme, MONDAY) == report
    assert dump(folder) == first


def test_a_past_monday_is_replayed_without_seeing_later_runs_and_leaves_the_current_snapshot_alone(
    programme: Path,
) -> None:
    home = programme.parent / ".foretune"
    forecast_weekly(programme, MONDAY)
    current = (home / "report.html").read_text()
    earlier = MONDAY - timedelta(weeks=3)
    report = forecast_weekly(programme, earlier)
    assert report == home / "reports" / "2026-11-02.html"
    assert (home / "report.html").read_text() == current
    with connect(home / "warehouse.duckdb") as db:
        calibration = read(db, "calibrations", Calibration, "as_of = ?", (earlier,))[0]
        assert calibration.fitted_through is not None
        assert calibration.fitted_through < earlier
        assert not read_table(db, "estimate_vs_actual", "ended_at >= ?", (earlier,))
    with open_snapshot(home / "snapshot.duckdb") as snapshot:
        assert {row["as_of"] for row in read_table(snapshot, "weekly_forecast")} == {MONDAY}


def test_an_empty_store_gives_a_report_that_says_so(programme: Path) -> None:
    from mlflow.tracking import MlflowClient

    folder = programme.parent
    (folder / "mlflow.db").unlink()
    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").create_experiment("nothing-yet")
    programme.write_text("name: new\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    page = forecast_weekly(programme, MONDAY).read_text()
    assert "nothing is planned and no run was observed" in page


def test_a_missing_store_is_one_error_and_writes_no_rows(programme: Path) -> None:
    (programme.parent / "mlflow.db").unlink()
    with pytest.raises(StoreError, match=r"mlflow\.db"):
        ingest_runs(programme)
    assert dump(programme.parent)["raw_runs"] == []
