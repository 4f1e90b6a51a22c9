"""Runs as training libraries logged them into an MLflow store: recorded once, with the versions that logged them."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from planner.dialects.facts import HISTORIES, MetricHistory, MetricPoint, RunFacts

FIXTURES = Path(__file__).parent / "fixtures"


def recorded(name: str) -> RunFacts:
    return facts_of(json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8")), name)


def facts_of(content: dict[str, Any], name: str) -> RunFacts:
    """Facts as the warehouse would give them, step histories included."""
    latest: dict[str, MetricPoint] = {}
    points: defaultdict[str, list[tuple[int, int, float | None]]] = defaultdict(list)
    for key, value, step, timestamp_ms in content["metrics"]:
        latest[key] = MetricPoint(value, step)
        if key in HISTORIES:
            points[key].append((step, timestamp_ms, value))
    histories = {}
    for key, found in points.items():
        steps, times, values = zip(*found, strict=True)
        histories[key] = MetricHistory(steps, times, values)
    start, end = (datetime.fromtimestamp(content[key] / 1000, UTC) for key in ("start_ms", "end_ms"))
    return RunFacts(
        "s", name, "recorded", name, content["status"], start, end, params=content["params"], tags=content["tags"],
        metrics=latest, histories=histories,
    )  # fmt: skip
