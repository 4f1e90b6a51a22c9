"""Chart of the drift statistic of each group of runs."""

from collections.abc import Sequence

import altair as alt

from planner.report.charts import colours
from planner.report.charts.style import Chart, colour_scale, data, styled
from planner.report.page import DriftRow
from planner.report.quantities import label

MAX_GROUPS = 25

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
