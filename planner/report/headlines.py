"""The figures that everybody should see first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planner.domain.programme import Programme
from planner.report.page import Headline
from planner.report.quantities import format_value, label

Rows = Sequence[Mapping[str, Any]]

TOTALS = {
    "cost_usd": "all forecast weeks",
    "accelerator_hours": "all forecast weeks",
    "peak_accelerators": "busiest moment",
    "runs": "attempts included",
    "storage_bytes": "held at the end",
    "network_bytes": "all forecast weeks",
}
"""Resource -> what its total means."""


def headlines(programme: Programme, marts: Mapping[str, Rows]) -> tuple[Headline, ...]:
    """Totals of the forecast, accuracy, drift and what was left out, one figure each."""
    return (
        *_totals(programme, marts["horizon_forecast"]),
        *_accuracy(marts["accuracy"]),
        *_drift(marts["drift_status"]),
    )


def _totals(programme: Programme, rows: Rows) -> Iterator[Headline]:
    found = {row["resource"]: row for row in rows if row["programme"] == "all"}
    owned = sum(pool.cluster.count for pool in programme.fleet)
    for resource, meaning in TOTALS.items():
        if (row := found.get(resource)) is None:
            continue
        note = f"{meaning}; 80 %: {format_value(resource, row['p10'])} to {format_value(resource, row['p90'])}"
        if resource == "peak_accelerators" and owned:
            note += f"; the fleet has {owned}"
        yield Headline(label=label(resource), value_text=format_value(resource, row["p50"]), note=note)


def _accuracy(rows: Rows) -> Iterator[Headline]:
    for row in rows:
        if row["resource"] == "duration_s":
            alone = f"{row['prior_median_ape_ratio']:.0%}"
            note = f"{row['num_runs']} runs, each predicted from earlier ones; physics alone {alone}"
            yield Headline(label="Typical error of duration", value_text=f"{row['median_ape_ratio']:.0%}", note=note)


def _drift(rows: Rows) -> Iterator[Headline]:
    watched = [row for row in rows if row["state"] != "too_few_runs"]
    drifting = sum(row["state"] == "drifting" for row in watched)
    known = sum(row["stage"] == "acknowledged" for row in watched)
    if rows:
        note = f"of {len(watched)} with enough runs{f'; {known} acknowledged' if known else ''}"
        yield Headline(label="Groups drifting", value_text=str(drifting), note=note)
