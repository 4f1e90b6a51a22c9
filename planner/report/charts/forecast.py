"""Charts of the weeks to come, and of the weeks before them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import altair as alt

from planner.report.charts import colours
from planner.report.charts.style import WEEK_TOOLTIP, Chart, colour_scale, data, styled, week_axis, week_span
from planner.report.page import ALL_PROGRAMMES, DemandRow, ForecastRow, wall_clock
from planner.report.quantities import axis_unit, label
from planner.units import MONTH_S, WEEK_S

MIN_HISTORY_WEEKS = 13

_HISTORY = {"runs": "runs", "accelerator_hours": "accelerator_hours", "cost_usd": "cost_usd"}
"""Resources of the forecast that past weeks also know, and the field of ``DemandRow``."""
_OTHERS = "all others"


def forecast_band(
    forecast: Sequence[ForecastRow],
    resource: str,
    *,
    as_of: datetime,
    zone: ZoneInfo,
    demand: Sequence[DemandRow] = (),
    budget_monthly_usd: float | None = None,
) -> Chart:
    """One programme's weeks to come, as range and median, right of the weeks past (all of ``demand``, as bars).

    The monthly budget is drawn, for costs, as the share of one week.
    """
    ahead = sorted((row for row in forecast if row.resource == resource), key=lambda row: row.week_start)
    past = _past_weeks(demand, resource, max(MIN_HISTORY_WEEKS, 2 * len(ahead)))
    budget = budget_monthly_usd * WEEK_S / MONTH_S if budget_monthly_usd and resource == "cost_usd" else None
    unit = axis_unit(resource, [*(row.p90 for row in ahead), *past.values(), budget or 0.0])
    title = label(resource) if unit.name == "count" else unit.name
    if resource in _HISTORY:
        title += " a week"
    legend = {"used": colours.LIGHT_GREY} if past else {}
    legend |= {"80 % range": colours.SKY, "median": colours.BLUE}
    if budget:
        legend["weekly share of the budget"] = colours.VERMILLION
    scale = colour_scale(legend)
    x = alt.X("week:T", axis=week_axis([*past, *(row.week_start for row in ahead)]))

    def colour(series: str) -> alt.Color:
        return alt.Color(f"{series}:N", scale=scale)

    bars = (
        alt.Chart(
            data({**week_span(week), "value": value / unit.scale, "used": "used"} for week, value in past.items())
        )
        .mark_rect(stroke="white")
        .encode(
            x=x,
            x2="week_end:T",
            y=alt.Y("value:Q", title=title),
            y2=alt.datum(0),
            color=colour("used"),
            tooltip=[WEEK_TOOLTIP, alt.Tooltip("value:Q", title="used", format=",.4~g")],
        )
    )
    series = {"series_range": "80 % range", "series_median": "median"}
    quantiles = ("p10", "p50", "p90", "mean")
    weeks = alt.Chart(
        data(
            {**week_span(row.week_start), **{q: getattr(row, q) / unit.scale for q in quantiles}, **series}
            for row in ahead
        )
    ).encode(x=x, x2="week_end:T", tooltip=[WEEK_TOOLTIP, *(alt.Tooltip(f"{q}:Q", format=",.4~g") for q in quantiles)])
    band = weeks.mark_rect().encode(y=alt.Y("p10:Q", title=title), y2="p90:Q", color=colour("series_range"))
    median = weeks.mark_rule(strokeWidth=3).encode(y=alt.Y("p50:Q", title=title), color=colour("series_median"))
    today = (
        alt.Chart(data([{"now": wall_clock(as_of, zone).isoformat()}]))
        .mark_rule(color=colours.INK, strokeDash=[2, 3])
        .encode(x="now:T")
    )
    layers = [*([bars] if past else []), band, median, today]
    if budget:
        line = alt.Chart(data([{"budget": budget / unit.scale, "line": "weekly share of the budget"}])).mark_rule(
            strokeDash=[6, 4], strokeWidth=2
        )
        layers.append(line.encode(y=alt.Y("budget:Q", title=title), color=colour("line")))
    return styled(alt.LayerChart(layer=layers))


def _past_weeks(demand: Sequence[DemandRow], resource: str, num_weeks: int) -> dict[date, float]:
    totals: dict[date, float] = defaultdict(float)
    for row in demand:
        value = getattr(row, _HISTORY[resource]) if resource in _HISTORY else None
        if value is not None:
            totals[row.week_start] += value
    return dict(sorted(totals.items())[-num_weeks:])


def cost_by_programme(forecast: Sequence[ForecastRow]) -> Chart:
    """Mean cost a week, stacked by programme. Means add up to the mean of the total; medians would not."""
    rows = [row for row in forecast if row.resource == "cost_usd" and row.programme != ALL_PROGRAMMES]
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        sums[row.programme] += row.mean
    ranked = sorted(sums, key=lambda name: -sums[name])
    palette = dict(zip(ranked, colours.SERIES, strict=False))
    shown: dict[tuple[date, str], float] = defaultdict(float)
    for row in rows:
        shown[row.week_start, row.programme if row.programme in palette else _OTHERS] += row.mean
    by_week: dict[date, float] = defaultdict(float)
    for (week, _), cost in shown.items():
        by_week[week] += cost
    unit = axis_unit("cost_usd", by_week.values())
    if len(ranked) > len(palette):
        palette[_OTHERS] = colours.LIGHT_GREY
    chart = (
        alt.Chart(data({**week_span(w), "programme": name, "cost": c / unit.scale} for (w, name), c in shown.items()))
        .mark_bar(orient="vertical", stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("week:T", axis=week_axis(by_week)),
            x2="week_end:T",
            y=alt.Y("cost:Q", title=f"{unit.name} a week", stack="zero"),
            color=alt.Color(
                "programme:N",
                scale=colour_scale(palette),
                sort=list(palette),
                legend=alt.Legend(columns=3, labelLimit=130),
            ),
            tooltip=[WEEK_TOOLTIP, "programme:N", alt.Tooltip("cost:Q", title=unit.name, format=",.4~g")],
        )
    )
    return styled(chart)
