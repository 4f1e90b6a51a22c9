"""Charts of a backtest."""

from collections.abc import Sequence
from typing import Literal

import altair as alt

from planner.calibration.backtest_scores import BacktestScore
from planner.report.charts import colours
from planner.report.charts.style import Chart, colour_scale, data, styled

LEGEND = {"physics alone": colours.ORANGE, "calibrated on earlier runs": colours.BLUE}
NOMINAL = 0.8
MAX_ERROR = 2.0
"""Errors beyond 200 % are drawn at the edge."""


def by_month(scores: Sequence[BacktestScore], what: Literal["error", "coverage"]) -> Chart:
    """Error or coverage of each month's runs, before and after calibration."""
    rows = [
        {
            "month": f"{one.group}-15T00:00:00",
            "kind": kind,
            "runs": one.num_runs,
            "error": getattr(one, f"{side}median_ape"),
            "high": getattr(one, f"{side}p90_ape"),
            "coverage": getattr(one, f"{side}coverage_80"),
        }
        for one in scores
        for kind, side in zip(LEGEND, ("prior_", ""), strict=True)
    ]
    x = alt.X("month:T", axis=alt.Axis(title="month", format="%b %Y", labelOverlap=True, grid=False, tickCount=6))
    base = alt.Chart(data(rows)).encode(x=x, color=alt.Color("kind:N", scale=colour_scale(LEGEND)))
    if what == "coverage":
        scale = alt.Scale(domain=[0, 1])
        y = alt.Y("coverage:Q", scale=scale, axis=alt.Axis(format="%"), title="inside the 80 % range")
        promised = (
            alt.Chart(data([{"level": NOMINAL}]))
            .mark_rule(color=colours.INK, strokeDash=[4, 3])
            .encode(y=alt.Y("level:Q", scale=scale))
        )
        lines = base.mark_line(point=True, strokeWidth=2.5).encode(y=y, tooltip=_tooltip("coverage"))
        return styled(alt.LayerChart(layer=[promised, lines]))
    largest = min(max((row["high"] for row in rows), default=0.1), MAX_ERROR)
    scale = alt.Scale(domain=[0, largest], clamp=True, nice=False)
    y = alt.Y("error:Q", scale=scale, axis=alt.Axis(format="%"), title="error")
    lines = base.mark_line(point=True, strokeWidth=2.5).encode(y=y, tooltip=_tooltip("error"))
    high = base.mark_line(strokeWidth=1, opacity=0.6).encode(y=alt.Y("high:Q", scale=scale))
    return styled(alt.LayerChart(layer=[high, lines]))


def by_own_runs(scores: Sequence[BacktestScore]) -> Chart:
    """Median error by the number of own runs known, with that of the physics."""
    rows = [
        {"own": one.group, "kind": kind, "runs": one.num_runs, "error": getattr(one, f"{side}median_ape")}
        for one in scores
        for kind, side in zip(LEGEND, ("prior_", ""), strict=True)
    ]
    order = list(dict.fromkeys(one.group for one in scores))
    scale = alt.Scale(domain=[0, min(max((row["error"] for row in rows), default=0.1), MAX_ERROR)], clamp=True)
    chart = (
        alt.Chart(data(rows))
        .mark_line(point=True, strokeWidth=2.5)
        .encode(
            x=alt.X("own:O", sort=order, axis=alt.Axis(title="own runs known", labelAngle=0, grid=False)),
            y=alt.Y("error:Q", scale=scale, axis=alt.Axis(format="%"), title="median error"),
            color=alt.Color("kind:N", scale=colour_scale(LEGEND)),
            tooltip=_tooltip("error"),
        )
    )
    return styled(chart)


def _tooltip(name: str) -> list[str | alt.Tooltip]:
    return ["kind:N", "runs:Q", alt.Tooltip(f"{name}:Q", format=".1%")]
