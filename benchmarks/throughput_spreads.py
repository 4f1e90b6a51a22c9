"""Spreads of the speed, from runs that the constants had not seen, and how many of such runs lie inside them."""

import csv
import math
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.published_throughput import Array, Labels, Mask, PublishedRuns
from planner.estimator.step_time.spread import (
    Familiarity,
    Novelty,
    SpeedKind,
    SpreadRow,
    familiarity,
    novelty,
    speed_kind,
)

ESTIMATOR = Path(__file__).parents[1] / "planner" / "estimator"
P90_SD = 1.2816
ENOUGH_ROWS = 30
"""Rows of the first tier from which on those of the second are left aside."""
CPU = tuple(SpreadRow("cpu", level, 0.5, 0) for level in get_args(Novelty))
"""Assumed: a CPU's caches and cores differ more than its data sheet says."""


def kinds(published: PublishedRuns) -> Labels:
    return np.array([speed_kind(published.alternatives[group][0][1]) for group in published.groups])


def seen_by(published: PublishedRuns, rows: Mask) -> frozenset[Familiarity]:
    """Software and families of these rows."""
    return frozenset(familiarity(published.alternatives[group][0][1]) for group in published.groups[rows])


def novelties(published: PublishedRuns) -> Labels:
    """How new each row is to constants that were fitted without its suite."""
    suites = published.suites
    found = np.full(len(suites), "", dtype="<U8")
    for suite in np.unique(suites):
        seen = seen_by(published, suites != suite)
        for row in np.flatnonzero(suites == suite):
            found[row] = novelty(published.alternatives[published.groups[row]][0][1], seen)
    return found


def spread_rows(published: PublishedRuns, cells: Array, suites: Array, used: Mask | None = None) -> list[SpreadRow]:
    """Spreads such that 80 % of the left-out rows lie inside, of ``used`` rows alone where that is given.

    Familiar runs by constants that had not seen their cell, others by constants that had not seen their suite. New ones
    are too few to tell kinds apart; a kind without rows is as unsure as they are. None is narrower than a nearer one.
    """
    kind_of, level_of, first = kinds(published), novelties(published), published.tiers == "A"
    used = np.ones_like(first) if used is None else used
    is_new = level_of == "new"

    def log_sd(predicted: Array, rows: Mask) -> tuple[float, int]:
        rows = rows & used
        if (rows & first).sum() >= ENOUGH_ROWS:
            rows = rows & first
        errors = np.abs(predicted - published.measured)[rows]
        return (float(np.quantile(errors, 0.8)) / P90_SD if errors.size else math.nan), errors.size

    table: list[SpreadRow] = []
    for kind in get_args(SpeedKind):
        if kind == "cpu":
            continue
        own = kind_of == kind
        found = [log_sd(cells, own), log_sd(suites, own & ~is_new), log_sd(suites, is_new)]
        least = 0.0
        for level, (spread, rows) in zip(get_args(Novelty), found, strict=True):
            least = max(least, spread if rows else found[2][0])
            table.append(SpreadRow(kind, level, least, rows))
    return [*table, *CPU]


def inside_interval(published: PublishedRuns, cells: Array, suites: Array) -> Mask:
    """Which rows lie between p10 and p90, with constants and spreads that had not seen their suite."""
    kind_of, level_of, suite_of = kinds(published), novelties(published), published.suites
    inside = np.zeros(len(suites), dtype=bool)
    for suite in np.unique(suite_of):
        table = spread_rows(published, cells, suites, suite_of != suite)
        log_sd = {(row.kind, row.novelty): row.log_sd for row in table}
        own = np.flatnonzero(suite_of == suite)
        widths = np.array([P90_SD * log_sd[kind_of[row], level_of[row]] for row in own])
        inside[own] = np.abs(suites - published.measured)[own] <= widths
    return inside


def write_spreads(published: PublishedRuns, table: list[SpreadRow]) -> None:
    """throughput_spreads.csv and throughput_seen.csv anew."""
    with (ESTIMATOR / "throughput_spreads.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(SpreadRow._fields)
        writer.writerows((row.kind, row.novelty, f"{row.log_sd:.3f}", row.rows) for row in table)
    with (ESTIMATOR / "throughput_seen.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("framework", "family"))
        writer.writerows(sorted(seen_by(published, np.ones(len(published.runs), dtype=bool))))
