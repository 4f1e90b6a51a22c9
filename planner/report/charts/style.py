"""What all charts share: type, axes, legend, and how weeks are laid out."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any

import altair as alt

from planner.report.charts import colours

Chart = alt.Chart | alt.LayerChart

HEIGHT = 230
TALL = 300

MAX_WEEK_LABELS = 7
WEEK_TOOLTIP = alt.Tooltip("week:T", title="week starting", format="%d %b %Y")


def styled(chart: Chart, *, height: float = HEIGHT) -> Chart:
    """The chart in the common style, as wide as its container and ``height`` pixels high."""
    finished: Chart = (
        chart.properties(width="container", height=height, background="white")
        .configure(font="system-ui, sans-serif", padding=4)
        .configure_axis(
            labelColor=colours.INK,
            titleColor=colours.INK,
            titleFontWeight="normal",
            labelFontSize=12,
            titleFontSize=12,
            gridColor=colours.PALE_GREY,
            domainColor=colours.LIGHT_GREY,
            tickColor=colours.LIGHT_GREY,
        )
        .configure_view(stroke=None)
        .configure_legend(
            orient="top",
            symbolOpacity=1,
            title=None,
            labelColor=colours.INK,
            labelFontSize=12,
            columns=5,
            labelLimit=260,
            symbolLimit=0,
        )
    )
    return finished


def data(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    """Rows as data inside the chart."""
    return alt.InlineData(values=list(rows))


def colour_scale(scheme: dict[str, str]) -> alt.Scale:
    """Fixed colours by name, in the order of the legend."""
    return alt.Scale(domain=list(scheme), range=list(scheme.values()))


def week_span(start: date) -> dict[str, str]:
    """Begin and end of a week, as local times without a zone: a browser shows the same day everywhere."""
    return {"week": f"{start}T00:00:00", "week_end": f"{start + timedelta(days=7)}T00:00:00"}


def week_axis(starts: Collection[date]) -> alt.Axis:
    """An axis that labels the first days of some of these weeks, evenly."""
    weeks = sorted(set(starts))
    step = -(-len(weeks) // MAX_WEEK_LABELS) or 1
    ticks = [alt.DateTime(year=day.year, month=day.month, date=day.day) for day in weeks[::step]]
    return alt.Axis(
        title="week starting",
        values=ticks,
        format="%d %b %Y",
        labelAngle=0,
        labelOverlap=True,
        labelFlush=True,
        grid=False,
    )
