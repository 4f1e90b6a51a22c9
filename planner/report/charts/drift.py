"""Charts of drift: how near each group is to the alarm, and the runs of one that drifts."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import altair as alt

from planner.report.charts import colours
from planner.report.charts.style import Chart, colour_scale, data, styled
from planner.report.page import DriftPointRow, DriftRow, wall_clock
from planner.report.quantities import label

MAX_GROUPS = 25
MAX_PICTURES = 8

_STATES = {"ok": "in control", "drifting": "drifting", "too_few_runs": "too few runs"}


def drift_statistic(rows: Sequence[DriftRow]) -> Chart:
    """The drift statistic as a share of its limit, largest first; above 1 the alarm rings."""
    known = [(row.statistic / row.limit, row) for row in rows if row.statistic is not None]
    shown = sorted(known, key=lambda pair: -pair[0])[:MAX_GROUPS]
    names = list(dict.fromkeys(f"{label(row.resource)} | {row.group}" for _, row in shown))
    scale = colour_scale({_STATES[state]: colour for state, colour in colours.DRIFT_STATES.items()})
    reach = max([1.2, *(share for share, _ in shown)])
    bars = (
        alt.Chart(
            data(
                {
                    "name": f"{label(row.resource)} | {row.group}",
                    "share": share,
                    "state": _STATES[row.state],
                    "runs": row.num_runs,
                }
                for share, row in shown
            )
        )
        .mark_bar(height={"band": 0.65})
        .encode(
            x=alt.X(
                "share:Q",
                title="statistic / limit",
                axis=alt.Axis(tickCount=6, format=".1f"),
                scale=alt.Scale(domain=[0, reach], nice=False),
            ),
            y=alt.Y("name:N", title=None, sort=names, axis=alt.Axis(labelLimit=420, grid=False)),
            color=alt.Color("state:N", scale=scale),
            tooltip=["name:N", "state:N", "runs:Q", alt.Tooltip("share:Q", title="statistic / limit", format=".2f")],
        )
    )
    limit = alt.Chart(data([{"limit": 1}])).mark_rule(color=colours.INK, strokeDash=[6, 4]).encode(x="limit:Q")
    return styled(alt.LayerChart(layer=[bars, limit]), height=40 + 24 * len(names))


def drift_history(points: Sequence[DriftPointRow], row: DriftRow, *, zone: ZoneInfo) -> Chart:
    """Runs of one group against its level in control, their moving average, the change point and the alarm."""
    runs = [
        {
            "ended": wall_clock(point.ended_at, zone).isoformat(),
            "ratio": point.ratio,
            "average": point.ewma_ratio,
            "low": 1 / point.band_ratio,
            "high": point.band_ratio,
            "share": point.statistic_share,
        }
        for point in points
    ]
    time = alt.X("ended:T", title="run ended", axis=alt.Axis(format="%d %b %Y", labelOverlap=True, grid=False))
    base = alt.Chart(data(runs))
    title = "measured / expected"
    widest = max(point.band_ratio for point in points)
    levels = [widest, 1 / widest, *(one for point in points for one in (point.ratio, point.ewma_ratio))]
    scale = alt.Scale(type="log", domain=[min(levels) * 0.95, max(levels) * 1.05], nice=False)
    band = base.mark_area(color=colours.PALE_GREY).encode(
        x=time, y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
    )
    dots = base.mark_circle(color=colours.GREY, size=22, opacity=0.7).encode(
        x=time,
        y=alt.Y("ratio:Q", scale=scale),
        tooltip=[
            alt.Tooltip("ended:T", title="ended", format="%d %b %Y %H:%M"),
            alt.Tooltip("ratio:Q", title=title, format=".2f"),
            alt.Tooltip("share:Q", title="statistic / limit", format=".2f"),
        ],
    )
    average = base.mark_line(color=colours.BLUE, strokeWidth=2).encode(x=time, y=alt.Y("average:Q", scale=scale))
    marks = [
        {"at": wall_clock(moment, zone).isoformat(), "what": what}
        for what, moment in (("change", row.since), ("alarm", row.alarm_at), ("closed", row.closed_at))
        if moment is not None
    ]
    shades = {"change": colours.ORANGE, "alarm": colours.VERMILLION, "closed": colours.INK}
    lines = (
        alt.Chart(data(marks))
        .mark_rule(strokeWidth=1.5, strokeDash=[5, 3])
        .encode(x="at:T", color=alt.Color("what:N", scale=colour_scale(shades)), tooltip=["what:N", "at:T"])
    )
    return styled(alt.LayerChart(layer=[band, dots, average, lines]))
