import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.forecast_weekly import forecast_weekly
from flows.ingest_runs import ingest_runs
from flows.log import LOGGER_NAME
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


def test_a_planned_update_that_was_renamed_leaves_no_rows_of_its_old_name_for_the_same_moment(programme: Path) -> None:
    forecast_weekly(programme, MONDAY)
    programme.write_text(
        programme.read_text()
        .replace("- name: faq-bot ", "- name: faq-helper ")
        .replace("- name: faq-bot\n", "- name: faq-helper\n    experiment: faq-bot\n")
    )
    forecast_weekly(programme, MONDAY)
    with open_snapshot(programme.parent / ".foretune" / "snapshot.duckdb") as snapshot:
        weeks = read_table(snapshot, "weekly_forecast", "resource = 'cost_usd'")
        cadences = {row["programme"] for row in read_table(snapshot, "update_cadence")}
    named = {row["programme"] for row in weeks}
    assert "faq-helper" in named & cadences
    assert "faq-bot" not in named | cadences
    together = sum(row["mean"] for row in weeks if row["programme"] == "all")
    assert together == pytest.approx(sum(row["mean"] for row in weeks if row["programme"] != "all"))


def test_predictions_of_a_past_monday_do_not_depend_on_how_many_runs_came_later(
    programme: Path, replayed: Path
) -> None:
    earlier = MONDAY - timedelta(weeks=3)
    forecast_weekly(programme, earlier)
    knows_all = dump(programme.parent)["predictions"]
    with sqlite3.connect(programme.parent / "mlflow.db") as store:
        (later,) = zip(
            *store.execute("select run_uuid from runs where start_time >= ?", (earlier.timestamp() * 1000,)),
            strict=True,
        )
        store.executemany(
            "update runs set status = 'RUNNING', end_time = null where run_uuid = ?", [(run,) for run in later]
        )
    store.close()
    forecast_weekly(programme, earlier)
    assert dump(programme.parent)["predictions"] == knows_all != []


def test_a_store_named_by_two_sources_is_read_once_and_the_next_time_only_what_is_new(
    programme: Path, caplog: pytest.LogCaptureFixture
) -> None:
    programme.write_text(
        "name: twice\nsources:\n"
        "  - {tracking_uri: 'sqlite:///mlflow.db', experiments: [code-*]}\n"
        "  - {tracking_uri: 'sqlite:///mlflow.db', experiments: ['*-bot']}\n"
    )
    with caplog.at_level(logging.INFO, logger=LOGGER_NAME):
        first = ingest_runs(programme)
        assert ingest_runs(programme) == first
    read = [int(message.split()[1]) for message in caplog.messages if "runs read" in message]
    assert len(read) == 2
    assert read[0] == first
    assert read[1] < first


def test_history_is_priced_as_the_forecast_is_so_that_past_and_planned_cost_compare(programme: Path) -> None:
    forecast_weekly(programme, MONDAY)
    with connect(programme.parent / ".foretune" / "warehouse.duckdb") as db:
        rows = db.execute(
            "select distinct accelerator, round(list_cost_usd / accelerator_hours, 6) from run_costs "
            "where accelerator in ('l40s-48gb', 'h200-sxm-141gb') order by 1"
        )
    assert rows == [("h200-sxm-141gb", 3.8), ("l40s-48gb", 0.7)]
