"""Charts of estimate against actual."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import altair as alt

from planner.report.charts import colours
from planner.report.charts.style import TALL, Chart, colour_scale, data, styled
from planner.report.page import ComparisonRow, wall_clock
from planner.report.quantities import axis_unit

_FACTOR_TICKS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.4, 2, 3, 5, 10, 20)

MAX_POINTS = 2000
"""Runs in one chart: the newest."""


def estimate_against_actual(comparisons: Sequence[ComparisonRow], resource: str) -> Chart:
    """Predicted against measured on equal logarithmic axes; on the diagonal the prediction was right."""
    rows = _newest(comparisons, resource)
    unit = axis_unit(resource, [row.actual for row in rows])
    values = [value / unit.scale for row in rows for value in (row.p10, row.p90, row.actual) if value > 0]
    low, high = min(values, default=1.0) / 1.2, max(values, default=1.0) * 1.2
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = alt.Axis(tickCount=5, format=",.3~r", labelOverlap=True)
    legend = {"inside the 80 % range": colours.BLUE, "outside": colours.VERMILLION}
    figures = ("actual", "p10", "p50", "p90")
    points = alt.Chart(
        data(
            {
                "run": row.run_name,
                "experiment": row.experiment,
                "p10": max(row.p10 / unit.scale, low),
                "p50": row.p50 / unit.scale,
                "p90": row.p90 / unit.scale,
                "actual": row.actual / unit.scale,
                "hit": next(iter(legend)) if row.within else "outside",
            }
            for row in rows
        )
    ).encode(
        y=alt.Y("actual:Q", scale=scale, axis=axis, title=f"measured, {unit.name}"),
        color=alt.Color("hit:N", scale=colour_scale(legend)),
        tooltip=["run:N", "experiment:N", *(alt.Tooltip(f"{name}:Q", format=",.4~g") for name in figures)],
    )
    expected = alt.X("p50:Q", scale=scale, axis=axis, title=f"predicted, {unit.name}")
    diagonal = (
        alt.Chart(data([{"end": low}, {"end": high}]))
        .mark_line(color=colours.GREY, strokeDash=[4, 3])
        .encode(x=alt.X("end:Q", scale=scale), y=alt.Y("end:Q", scale=scale))
    )
    whiskers = points.mark_rule(opacity=0.35).encode(x=alt.X("p10:Q", scale=scale), x2="p90:Q")
    dots = points.mark_point(filled=True, size=42, opacity=0.9).encode(
        x=expected, shape=alt.Shape("hit:N", scale=alt.Scale(domain=list(legend), range=["circle", "diamond"]))
    )
    return styled(alt.LayerChart(layer=[diagonal, whiskers, dots]), height=TALL)


def _newest(comparisons: Sequence[ComparisonRow], resource: str) -> list[ComparisonRow]:
    rows = [row for row in comparisons if row.resource == resource and row.actual > 0 and row.p50 > 0]
    return sorted(rows, key=lambda row: row.ended_at.timestamp())[-MAX_POINTS:]


def error_over_time(comparisons: Sequence[ComparisonRow], resource: str, *, zone: ZoneInfo) -> Chart:
    """Measured over predicted, run by run: physics alone and calibrated, each with the median of the last ten runs."""
    rows = [row for row in _newest(comparisons, resource) if row.prior_p50 > 0]
    legend = {"physics alone": colours.ORANGE, "calibrated on earlier runs": colours.BLUE}
    ratios = [
        {
            "ended": wall_clock(row.ended_at, zone).isoformat(),
            "run": row.run_name,
            "kind": kind,
            "ratio": row.actual / expected,
        }
        for row in rows
        for kind, expected in zip(legend, (row.prior_p50, row.p50), strict=True)
    ]
    factors = [factor for row in rows for factor in (row.actual / row.prior_p50, row.actual / row.p50)]
    reach = min(max([1.5, *(1.05 * max(factor, 1 / factor) for factor in factors)]), 20)
    scale = alt.Scale(type="log", domain=[1 / reach, reach], clamp=True, nice=False)
    y = alt.Y(
        "ratio:Q",
        scale=scale,
        axis=alt.Axis(values=[tick for tick in _FACTOR_TICKS if 1 / reach <= tick <= reach], format="~g"),
        title="measured / predicted",
    )
    base = alt.Chart(data(ratios)).encode(
        x=alt.X(
            "ended:T", axis=alt.Axis(title="run ended", format="%d %b %Y", labelOverlap=True, grid=False, tickCount=5)
        ),
        color=alt.Color("kind:N", scale=colour_scale(legend)),
    )
    dots = base.mark_point(filled=True, size=22, opacity=0.45).encode(
        y=y, tooltip=["run:N", "kind:N", alt.Tooltip("ratio:Q", title="measured / predicted", format=",.3~g")]
    )
    lines = (
        base.transform_window(median="median(ratio)", frame=[-9, 0], groupby=["kind"], sort=[alt.SortField("ended")])
        .mark_line(strokeWidth=2.5)
        .encode(y=alt.Y("median:Q", scale=scale))
    )
    one = alt.Chart(data([{"one": 1}])).mark_rule(color=colours.INK, strokeDash=[2, 3]).encode(y="one:Q")
    return styled(alt.LayerChart(layer=[one, dots, lines]), height=TALL)
