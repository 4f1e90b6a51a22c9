"""Chart of the gate's verdicts."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import altair as alt

from planner.report.charts import colours
from planner.report.charts.style import WEEK_TOOLTIP, Chart, colour_scale, data, styled, week_axis, week_span
from planner.report.page import GateRow, wall_clock

VERDICTS = {"allow": "allowed", "warn": "allowed with a warning", "block": "blocked"}


def gate_verdicts(rows: Sequence[GateRow], *, zone: ZoneInfo) -> Chart:
    """Decisions a week, stacked by verdict; weeks start on Monday in ``zone``."""
    counts = Counter((_monday(wall_clock(row.decided_at, zone).date()), row.verdict) for row in rows)
    order = list(VERDICTS)
    chart = (
        alt.Chart(
            data(
                {**week_span(week), "verdict": VERDICTS[verdict], "order": order.index(verdict), "decisions": count}
                for (week, verdict), count in counts.items()
            )
        )
        .mark_bar(orient="vertical", stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("week:T", axis=week_axis([week for week, _ in counts])),
            x2="week_end:T",
            y=alt.Y("decisions:Q", title="decisions a week", stack="zero", axis=alt.Axis(tickMinStep=1, format="d")),
            color=alt.Color("verdict:N", scale=colour_scale({VERDICTS[v]: c for v, c in colours.VERDICTS.items()})),
            order="order:Q",
            tooltip=[WEEK_TOOLTIP, "verdict:N", "decisions:Q"],
        )
    )
    return styled(chart)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
