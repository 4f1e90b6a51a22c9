"""Dashboard on the published snapshot: ``streamlit run dashboards/app.py [-- snapshot.duckdb]``.

It shows what the marts hold, with the charts and tables of the weekly page, and computes nothing. Times are in UTC.
"""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import streamlit as st

from planner.domain import Frozen
from planner.errors import PlannerError
from planner.report import drift_stories, figures, tables
from planner.report.assemble import rows_of
from planner.report.page import (
    ALL_PROGRAMMES,
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
    WeeklyPage,
)
from planner.settings import read_settings
from planner.warehouse.connection import Warehouse, open_snapshot
from planner.warehouse.tables import read_table

Row = TypeVar("Row", bound=Frozen)
EVERY_EXPERIMENT = "all experiments"


def find_snapshot() -> Path:
    """The first argument of the script, else the snapshot of this installation."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else read_settings(os.environ).snapshot_path


@st.cache_data(max_entries=4, show_spinner="Reading the snapshot")
def read_page(path: Path, changed_ns: int, experiment: str) -> WeeklyPage:
    """The marts as a page; ``changed_ns`` makes a newly published snapshot be read again."""
    with open_snapshot(path) as db:
        as_of = [row["as_of"] for row in read_table(db, "weekly_forecast")]
        horizon = read_table(db, "horizon_forecast", "programme = ?", (ALL_PROGRAMMES,))
        compared = ("", ()) if experiment == EVERY_EXPERIMENT else ("experiment = ?", (experiment,))
        return WeeklyPage(
            title="Fine-tuning capacity",
            programme="",
            as_of=max(as_of, default=datetime.fromtimestamp(changed_ns / 1e9, UTC)),
            time_zone="UTC",
            num_weeks=max((row["num_weeks"] for row in horizon), default=0),
            calibration_id=None,
            num_runs_learnt_from=0,
            forecast=rows(db, "weekly_forecast", ForecastRow),
            totals=rows(db, "horizon_forecast", TotalRow, "programme = ?", (ALL_PROGRAMMES,)),
            demand=rows(db, "weekly_demand", DemandRow),
            comparisons=rows(db, "estimate_vs_actual", ComparisonRow, *compared),
            accuracy=rows(db, "accuracy", AccuracyRow),
            drift=rows(db, "drift_status", DriftRow),
            drift_points=rows(db, "drift_history", DriftPointRow),
            gate_log=rows(db, "gate_log", GateRow),
            quality=rows(db, "data_quality", QualityRow),
            unread=rows(db, "unread_runs", UnreadRow),
        )


def rows(
    db: Warehouse, mart: str, row_type: type[Row], where: str = "", values: tuple[str, ...] = ()
) -> tuple[Row, ...]:
    """A mart's rows as the page shows them."""
    return rows_of(row_type, read_table(db, mart, where, values))


def show_charts(found: Iterable[figures.Figure]) -> None:
    """Charts side by side, two in a row; a single one takes the whole row."""
    shown = list(found)
    if not shown:
        return
    columns = st.columns(min(len(shown), 2))
    for index, figure in enumerate(shown):
        with columns[index % 2]:
            st.text(figure.title)
            st.vega_lite_chart(figure.spec, theme=None, width="stretch", key=figure.key)
            st.caption(figure.caption)


def show_table(table: tables.Table) -> None:
    """A table, or a sentence where it has no rows."""
    st.text(table.caption)
    if not table.rows:
        st.info("Nothing here yet.")
        return
    titles = [column.title for column in table.columns]
    st.dataframe([dict(zip(titles, row, strict=True)) for row in table.rows], hide_index=True)
    if table.num_left_out:
        st.caption(f"{table.num_left_out:,} more rows are not shown here.")


def main() -> None:
    st.set_page_config(page_title="Fine-tuning capacity", layout="wide")
    st.title("Fine-tuning capacity")
    path = find_snapshot()
    try:
        with open_snapshot(path) as db:
            known = sorted({row["experiment"] for row in read_table(db, "estimate_vs_actual")})
        chosen = st.sidebar.selectbox("Experiment, for estimate against actual", [EVERY_EXPERIMENT, *known])
        page = read_page(path, path.stat().st_mtime_ns, chosen)
    except (PlannerError, OSError) as error:
        st.error(str(error))
        st.stop()
    st.caption(f"As of {tables.format_moment(page.as_of, page.zone)}, UTC.")
    ahead, accuracy, drift, gate, quality = st.tabs(
        ["Forecast", "Estimate against actual", "Drift", "Gate log", "Data quality"]
    )
    with ahead:
        show_table(tables.totals(page))
        show_charts(figures.forecast_figures(page))
        show_table(tables.forecast(page))
    with accuracy:
        show_table(tables.accuracy(page))
        show_charts(figures.accuracy_figures(page))
        show_table(tables.comparisons(page))
    with drift:
        for story in drift_stories.stories(page):
            st.text(f"{story.title}\n{story.sentence}")
        show_charts(figures.drift_figures(page))
        show_table(tables.drift(page))
    with gate:
        show_charts(figures.gate_figures(page))
        show_table(tables.gate_log(page))
    with quality:
        show_table(tables.quality(page))
        show_table(tables.unread(page))


main()
