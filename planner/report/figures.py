"""Charts of the weekly page with their titles and captions, ready for the template."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from planner.domain.estimate import Estimate
from planner.report.charts import accuracy, drift, forecast, gate, memory
from planner.report.charts.style import Chart
from planner.report.drift_stories import stories
from planner.report.page import ALL_PROGRAMMES, WeeklyPage
from planner.report.quantities import in_page_order, label


class Figure(NamedTuple):
    """One chart on a page."""

    key: str
    """Id of the element that holds the chart."""
    title: str
    caption: str
    spec: dict[str, Any]
    """Vega-Lite."""


def make_figure(key: str, title: str, caption: str, chart: Chart) -> Figure:
    """A chart as the page holds it."""
    spec = chart.to_dict()
    del spec["$schema"]
    return Figure(key, title, caption, spec)


def forecast_figures(page: WeeklyPage) -> Iterator[Figure]:
    """One chart a resource for all programmes together (for each, where no total is given), then cost by programme."""
    names = list(dict.fromkeys(row.programme for row in page.forecast))
    totals = [ALL_PROGRAMMES] if ALL_PROGRAMMES in names else names
    for resource in in_page_order(row.resource for row in page.forecast):
        for index, name in enumerate(totals):
            rows = [row for row in page.forecast if row.resource == resource and row.programme == name]
            if not rows:
                continue
            alone = len(totals) == 1
            yield make_figure(
                f"forecast-{resource}-{index}",
                label(resource) if alone else f"{label(resource)}, {name}",
                "Shaded: the 80 % range of each week. Dotted line: the time of this page.",
                forecast.forecast_band(
                    rows,
                    resource,
                    as_of=page.as_of,
                    zone=page.zone,
                    demand=page.demand if alone else (),
                    budget_monthly_usd=page.budget_monthly_usd if alone else None,
                ),
            )
    if any(row.resource == "cost_usd" and row.programme != ALL_PROGRAMMES for row in page.forecast):
        yield make_figure(
            "forecast-by-programme",
            "Cost by programme",
            "Mean of each week; means add up, medians do not.",
            forecast.cost_by_programme(page.forecast),
        )


def accuracy_figures(page: WeeklyPage) -> Iterator[Figure]:
    """For each compared resource: predicted against measured, and the error over time."""
    compared = {row.resource for row in page.comparisons}
    for resource in in_page_order(compared):
        count = sum(row.resource == resource for row in page.comparisons)
        newest = f" The newest {accuracy.MAX_POINTS:,} of {count:,} runs." if count > accuracy.MAX_POINTS else ""
        yield make_figure(
            f"scatter-{resource}",
            f"{label(resource)}: predicted against measured",
            f"A point is a run, the line through it its 80 % range; on the diagonal the prediction was right.{newest}",
            accuracy.estimate_against_actual(page.comparisons, resource),
        )
        yield make_figure(
            f"error-{resource}",
            f"{label(resource)}: error over time",
            f"At 1 the prediction was right. Lines: median of the last ten runs.{newest}",
            accuracy.error_over_time(page.comparisons, resource, zone=page.zone),
        )


def drift_figures(page: WeeklyPage) -> Iterator[Figure]:
    """The picture of each drift, then the drift statistic of each group where one is known."""
    for story in stories(page)[: drift.MAX_PICTURES]:
        points = [point for point in page.drift_points if point.drift_id == story.drift_id]
        row = next(row for row in page.drift if row.drift_id == story.drift_id)
        if points:
            yield make_figure(
                f"drift-{story.drift_id}",
                f"{story.title}: {story.stage}",
                "A point is a run, the line their moving average; shaded: where it stays while nothing drifts.",
                drift.drift_history(points, row, zone=page.zone),
            )
    num_groups = sum(row.statistic is not None for row in page.drift)
    if num_groups:
        capped = f" The {drift.MAX_GROUPS} nearest to it of {num_groups}." if num_groups > drift.MAX_GROUPS else ""
        caption = f"Right of the dashed line the alarm rings.{capped}"
        yield make_figure(
            "drift-statistic", "How near each group is to the alarm", caption, drift.drift_statistic(page.drift)
        )


def gate_figures(page: WeeklyPage) -> Iterator[Figure]:
    """Verdicts by week."""
    if page.gate_log:
        chart = gate.gate_verdicts(page.gate_log, zone=page.zone)
        yield make_figure(
            "gate-verdicts", "Decisions by week", "Every decision counts, also those on the same run.", chart
        )


def memory_figures(estimate: Estimate) -> Iterator[Figure]:
    """Who holds memory over a step."""
    yield make_figure(
        "memory-timeline",
        "Memory over one training step",
        "Bars: physics alone, by what holds the memory. Lines: what the accelerator offers, and the expected peak "
        "as the vendor's tool shows it, with everything learnt from past runs.",
        memory.memory_timeline(estimate.memory),
    )
