"""Chart of the front of time and cost."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from planner.advise.advice import Option
from planner.report.charts import colours
from planner.report.charts.style import TALL, Chart, colour_scale, data, styled
from planner.report.quantities import AxisUnit, axis_unit

AS_ASKED = "as the run is"
NAME_WIDTH = 0.11
NAME_HEIGHT = 0.045
"""Of a name, in shares of the axes."""
SAME = "method and precision as asked"


def time_and_cost(options: Sequence[Option], asked: Option | None) -> Chart:
    """Every option at its median time and cost, with lines to the 10th and 90th percentile; logarithmic axes."""
    every = [*options, *([asked] if asked is not None else [])]
    time = axis_unit("duration_s", [option.duration_s.p50 for option in every])
    cost = axis_unit("cost_usd", [option.cost_usd.p50 for option in every])
    names = list(dict.fromkeys(_learnt(option) for option in options))
    palette = dict(zip([name for name in names if name != SAME], colours.SERIES[1:], strict=False))
    scheme = {SAME: colours.BLUE, **palette, AS_ASKED: colours.INK}
    rows = [_row(option, _learnt(option), time, cost) for option in options]
    rows += [] if asked is None else [_row(asked, AS_ASKED, time, cost)]
    _name_apart(rows)
    x = alt.X("time:Q", title=f"duration, {time.name}", scale=alt.Scale(type="log", nice=False, padding=12))
    y = alt.Y("cost:Q", title=f"cost, {cost.name}", scale=alt.Scale(type="log", nice=False, padding=12))
    colour = alt.Color("learns:N", scale=colour_scale(scheme), legend=alt.Legend(orient="top", columns=1, labelLimit=0))
    base = alt.Chart(data(rows))
    spread = base.encode(color=colour)
    times = spread.mark_rule(opacity=0.35).encode(x=alt.X("time_p10:Q"), x2="time_p90:Q", y=y)
    costs = spread.mark_rule(opacity=0.35).encode(x=x, y=alt.Y("cost_p10:Q"), y2="cost_p90:Q")
    tooltip = ["what:N", "time_text:N", "cost_text:N", "fits:N", "why:N"]
    path = (
        base.transform_filter(f"datum.learns !== '{AS_ASKED}'")
        .mark_line(interpolate="step-after", strokeWidth=1.2, opacity=0.7)
        .encode(x=x, y=y, color=colour, order="time:Q")
    )
    points = base.mark_point(filled=True, opacity=1, size=70).encode(
        x=x,
        y=y,
        color=colour,
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=["option", AS_ASKED], range=["circle", "cross"]), legend=None),
        tooltip=tooltip,
    )
    labels = base.mark_text(align="left", dx=7, dy=-7, fontSize=11, color=colours.INK).encode(x=x, y=y, text="label:N")
    return styled(alt.LayerChart(layer=[times, costs, path, points, labels]), height=TALL + 120)


def _name_apart(rows: Sequence[dict[str, Any]]) -> None:
    """Takes the name from points that lie so near to a named one that the letters would cover each other."""
    named: list[tuple[float, float]] = []
    wide, high = (_reach([row[name] for row in rows]) for name in ("time", "cost"))
    for row in reversed(rows):
        here = math.log(row["time"]), math.log(row["cost"])
        if any(abs(here[0] - x) < NAME_WIDTH * wide and abs(here[1] - y) < NAME_HEIGHT * high for x, y in named):
            row["label"] = ""
        else:
            named.append(here)


def _reach(values: Sequence[float]) -> float:
    return math.log(max(values) / min(values)) or 1.0


def _learnt(option: Option) -> str:
    return "; ".join(option.departures) or SAME


def _row(option: Option, learns: str, time: AxisUnit, cost: AxisUnit) -> dict[str, Any]:
    duration, usd = option.duration_s, option.cost_usd
    return {
        "what": option.what,
        "label": f"{option.num_accelerators} x {option.accelerator}",
        "learns": learns,
        "kind": AS_ASKED if learns == AS_ASKED else "option",
        "why": option.why,
        "fits": f"{option.fits_probability:.0%}",
        "time": duration.p50 / time.scale,
        "time_p10": duration.p10 / time.scale,
        "time_p90": duration.p90 / time.scale,
        "time_text": f"{duration.p50 / time.scale:,.3g} ({duration.p90 / time.scale:,.3g}) {time.name}",
        "cost": usd.p50 / cost.scale,
        "cost_p10": usd.p10 / cost.scale,
        "cost_p90": usd.p90 / cost.scale,
        "cost_text": f"{usd.p50 / cost.scale:,.2f} ({usd.p90 / cost.scale:,.2f}) {cost.name}",
    }
