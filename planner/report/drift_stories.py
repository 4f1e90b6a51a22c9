"""The story of each drift in words: how far, since when, what moved, and the runs before and after."""

import json
from typing import NamedTuple

from planner.report.page import DriftRow, WeeklyPage
from planner.report.quantities import format_factor, format_log_factor, label
from planner.report.tables import format_moment

STAGES = ("open", "acknowledged", "closed")


class Story(NamedTuple):
    """One drift."""

    drift_id: str
    stage: str
    title: str
    sentence: str
    evidence: tuple[str, ...]


def stories(page: WeeklyPage) -> tuple[Story, ...]:
    """Every drift of the page, open ones first, the largest before the others."""
    drifting = [row for row in page.drift if row.stage is not None and row.drift_id is not None]
    drifting.sort(key=lambda row: (STAGES.index(row.stage or "open"), -(row.statistic or 0.0) / row.limit))
    return tuple(_story(row, page) for row in drifting)


def _story(row: DriftRow, page: WeeklyPage) -> Story:
    size = format_factor(row.factor)
    if row.factor_p10 is not None and row.factor_p90 is not None:
        size += f" (80 %: {format_factor(row.factor_p10)} to {format_factor(row.factor_p90)})"
    told = f"Measured against expected went to {size}, since {format_moment(row.since, page.zone)}"
    if row.alarm_at is not None:
        told += f", noticed {format_moment(row.alarm_at, page.zone)}"
    if row.closed_at is not None:
        told += f", closed {format_moment(row.closed_at, page.zone)}: {row.closed_because}"
    sentence = f"{told}. {_capital(row.verdict)}." if row.verdict else f"{told}."
    if row.note:
        sentence += f" Note: {row.note}"
    evidence = tuple(
        text for name, segment in (("Before", row.before), ("After", row.after)) if (text := _segment(name, segment))
    )
    return Story(row.drift_id or "", row.stage or "", f"{label(row.resource)} | {row.group}", sentence, evidence)


def _segment(name: str, text: str | None) -> str:
    if text is None:
        return ""
    segment = json.loads(text)
    levels = ", ".join(f"{level} ({runs})" for level, runs in segment["levels"].items())
    runs = f"{segment['num_runs']:,} runs, measured / physics {format_log_factor(segment['log_bias'])}"
    return f"{name}: {runs}{f'; {levels}' if levels else ''}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
