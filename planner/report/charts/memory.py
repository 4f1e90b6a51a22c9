"""Chart of one accelerator's memory over a training step."""

from collections import defaultdict

import altair as alt

from planner.domain.estimate import MemoryEstimate
from planner.report.charts import colours
from planner.report.charts.style import TALL, Chart, colour_scale, data, styled
from planner.report.quantities import axis_unit

_OTHERS = "all others"


def memory_timeline(memory: MemoryEstimate) -> Chart:
    """Who holds memory at each moment of a step, against the usable memory and the calibrated device peak."""
    largest: dict[str, float] = defaultdict(float)
    for moment in memory.timeline:
        for tenant, size_bytes in moment.tenants_bytes.items():
            largest[tenant] = max(largest[tenant], size_bytes)
    ranked = sorted((tenant for tenant in largest if largest[tenant] > 0), key=lambda tenant: -largest[tenant])
    palette = dict(zip((tenant.replace("_", " ") for tenant in ranked), colours.SERIES, strict=False))
    if len(ranked) > len(palette):
        palette[_OTHERS] = colours.LIGHT_GREY
    device = memory.peak_device_bytes
    unit = axis_unit("peak_device_bytes", [memory.usable_bytes, device.p90])
    order = list(palette)

    def shares() -> list[dict[str, object]]:
        sizes: dict[tuple[str, str], float] = defaultdict(float)
        for moment in memory.timeline:
            for tenant in ranked:
                name = tenant.replace("_", " ")
                sizes[moment.name, name if name in palette else _OTHERS] += moment.tenants_bytes.get(tenant, 0.0)
        return [
            {"moment": moment, "tenant": tenant, "order": order.index(tenant), "size": size_bytes / unit.scale}
            for (moment, tenant), size_bytes in sizes.items()
        ]

    bars = (
        alt.Chart(data(shares()))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("moment:N", sort=[m.name for m in memory.timeline], title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("size:Q", title=f"memory of one accelerator, {unit.name}", stack="zero"),
            color=alt.Color("tenant:N", scale=colour_scale(palette), sort=order),
            order="order:Q",
            tooltip=["moment:N", "tenant:N", alt.Tooltip("size:Q", title=unit.name, format=",.3~f")],
        )
    )
    lines = [
        {"at": memory.usable_bytes / unit.scale, "line": "usable memory"},
        {"at": device.p50 / unit.scale, "line": "expected device peak, median"},
        {"at": device.p90 / unit.scale, "line": "expected device peak, 90th percentile"},
    ]
    dashes = alt.Scale(domain=[str(line["line"]) for line in lines], range=[[1, 0], [6, 4], [2, 3]])
    rules = (
        alt.Chart(data(lines))
        .mark_rule(color=colours.INK, strokeWidth=1.6)
        .encode(
            y="at:Q",
            strokeDash=alt.StrokeDash("line:N", scale=dashes, legend=alt.Legend(orient="bottom")),
            tooltip=["line:N", alt.Tooltip("at:Q", format=",.3~f")],
        )
    )
    return styled(alt.LayerChart(layer=[bars, rules]), height=TALL + 60)
