from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from planner.domain.estimate import Estimate
from planner.report.charts import accuracy, drift, forecast, gate, memory
from planner.report.charts.style import Chart
from planner.report.page import ForecastRow, GateRow, WeeklyPage, wall_clock
from planner.units import GIB

BERLIN = ZoneInfo("Europe/Berlin")


def rows_of(chart: Chart, field: str) -> list[dict[str, Any]]:
    """The rows inside a chart that have a field."""
    found: list[dict[str, Any]] = []
    for rows in chart.to_dict()["datasets"].values():
        found += [row for row in rows if field in row]
    return found


def test_a_forecast_chart_shows_past_weeks_ranges_and_the_weekly_share_of_the_budget(busy_page: WeeklyPage) -> None:
    total = [row for row in busy_page.forecast if row.programme == "all"]
    chart = forecast.forecast_band(
        total, "cost_usd", as_of=busy_page.as_of, zone=BERLIN, demand=busy_page.demand, budget_monthly_usd=3652.5
    )
    assert [row["budget"] for row in rows_of(chart, "budget")] == [pytest.approx(3652.5 * 12 * 7 / 365.25)]
    assert [row["now"] for row in rows_of(chart, "now")] == ["2026-11-23T06:00:00"]
    ahead = [row for row in total if row.resource == "cost_usd"]
    assert [row["p50"] for row in rows_of(chart, "p50")] == [row.p50 for row in ahead]
    used = {row["week"]: row["value"] for row in rows_of(chart, "value")}
    last = date(2026, 11, 16)
    expected = sum(row.cost_usd or 0.0 for row in busy_page.demand if row.week_start == last)
    assert used["2026-11-16T00:00:00"] == pytest.approx(expected)


def test_storage_is_drawn_in_tib_and_has_no_past(busy_page: WeeklyPage) -> None:
    total = [row for row in busy_page.forecast if row.programme == "all"]
    chart = forecast.forecast_band(total, "storage_bytes", as_of=busy_page.as_of, zone=BERLIN, demand=busy_page.demand)
    first = next(row for row in total if row.resource == "storage_bytes")
    assert rows_of(chart, "p50")[0]["p50"] == pytest.approx(first.p50 / (1024 * GIB))
    assert not rows_of(chart, "value")


def test_costs_by_programme_leave_out_the_total_and_add_up_to_the_means() -> None:
    week = date(2026, 11, 23)

    def row(programme: str, mean: float) -> ForecastRow:
        return ForecastRow(
            week_start=week, programme=programme, resource="cost_usd", p10=0, p50=mean, p90=2 * mean, mean=mean
        )

    parts = [row(f"programme {index}", 10.0 + index) for index in range(12)]
    chart = forecast.cost_by_programme([row("all", 186.0), *parts])
    shown = rows_of(chart, "cost")
    assert sum(part["cost"] for part in shown) == pytest.approx(186.0)
    assert {part["programme"] for part in shown} == {f"programme {index}" for index in range(3, 12)} | {"all others"}


def test_runs_that_a_logarithm_cannot_show_are_left_out_of_the_scatter(busy_page: WeeklyPage) -> None:
    good = busy_page.comparisons[0]
    bad = good.model_copy(update={"actual": 0.0})
    for chart in (
        accuracy.estimate_against_actual([good, bad], good.resource),
        accuracy.error_over_time([good, bad], good.resource, zone=BERLIN),
    ):
        assert {row["run"] for row in rows_of(chart, "run")} == {good.run_name}
        assert len(rows_of(chart, "run")) <= 2


def test_only_the_newest_runs_are_drawn(busy_page: WeeklyPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "MAX_POINTS", 10)
    rows = [row for row in busy_page.comparisons if row.resource == "duration_s"]
    chart = accuracy.estimate_against_actual(rows, "duration_s")
    newest = sorted(rows, key=lambda row: row.ended_at)[-10:]
    assert [row["run"] for row in rows_of(chart, "run")] == [row.run_name for row in newest]


def test_drift_bars_are_shares_of_the_limit_largest_first(busy_page: WeeklyPage) -> None:
    unknown = busy_page.drift[0].model_copy(update={"statistic": None, "group": "unknown"})
    shares = [row["share"] for row in rows_of(drift.drift_statistic([*busy_page.drift, unknown]), "share")]
    assert shares == sorted((row.statistic / row.limit for row in busy_page.drift if row.statistic), reverse=True)


def test_the_picture_of_a_drift_has_its_runs_their_average_the_change_and_the_alarm(busy_page: WeeklyPage) -> None:
    (row,) = (row for row in busy_page.drift if row.drift_id)
    chart = drift.drift_history(busy_page.drift_points, row, zone=BERLIN)
    assert len(rows_of(chart, "average")) == len(busy_page.drift_points)
    assert [mark["what"] for mark in rows_of(chart, "what")] == ["change", "alarm"]
    first = min(wall_clock(point.ended_at, BERLIN).isoformat() for point in busy_page.drift_points)
    assert rows_of(chart, "ratio")[0]["ended"] == first


def test_decisions_are_counted_by_the_week_of_the_programmes_zone() -> None:
    sunday_evening = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

    def decision(moment: datetime) -> GateRow:
        return GateRow(
            decided_at=moment, name="run", verdict="allow", reasons="", cost_usd_p50=1.0, duration_s_p50=60.0,
            fits_probability=1.0, actual_duration_s=None,
        )  # fmt: skip

    decisions = [decision(sunday_evening), decision(sunday_evening - timedelta(hours=2))]
    counts = {row["week"][:10]: row["decisions"] for row in rows_of(gate.gate_verdicts(decisions, zone=BERLIN), "week")}
    assert counts == {"2026-11-23": 1, "2026-11-16": 1}


def test_the_memory_timeline_adds_up_to_each_moments_total(lora_estimate: Estimate) -> None:
    chart = memory.memory_timeline(lora_estimate.memory)
    for moment in lora_estimate.memory.timeline:
        sizes = [row["size"] for row in rows_of(chart, "size") if row["moment"] == moment.name]
        assert sum(sizes) == pytest.approx(moment.total_bytes / GIB)
    lines = {row["line"]: row["at"] for row in rows_of(chart, "line")}
    assert lines["usable memory"] == pytest.approx(79.1)


def test_a_time_without_a_zone_is_utc() -> None:
    moment = datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001
    assert wall_clock(moment, BERLIN) == datetime(2026, 7, 1, 14, 0)  # noqa: DTZ001
    assert wall_clock(moment.replace(tzinfo=UTC), BERLIN) == wall_clock(moment, BERLIN)
