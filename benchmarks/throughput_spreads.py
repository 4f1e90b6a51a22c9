"""Spreads of the speed, from runs that the constants had not seen, and how many of such runs lie inside them."""

import csv
import math
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.published_throughput import Alternatives, Array, Labels, Mask, PublishedRuns, log_speed
from planner.estimator.quantile_mixture import lognormal_triple, mix
from planner.estimator.step_time.spread import (
    Familiarity,
    Novelty,
    SpeedKind,
    SpreadRow,
    familiarity,
    novelty,
    speed_kind,
)
from planner.estimator.throughput_constants import THROUGHPUT

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


def spread_rows(published: PublishedRuns, suites: Array, used: Mask | None = None) -> list[SpreadRow]:
    """Spreads such that 80 % of the left-out rows lie inside, of ``used`` rows alone where that is given.

    What the fields that a row leaves open explain is taken out first: the interval has it beside the spread.
    By constants that had not seen a row's suite: a user's runs are of no suite. New ones are too few to tell kinds
    apart; a kind without rows is as unsure as they are, and none is narrower than known ones.
    """
    kind_of, level_of, first = kinds(published), novelties(published), published.tiers == "A"
    used = np.ones_like(first) if used is None else used
    is_new = level_of == "new"
    explained = np.array([_open_log_sd(known) for known in published.alternatives])[published.groups]
    unexplained = np.sqrt(np.maximum(((suites - published.measured) / P90_SD) ** 2 - explained**2, 0.0))

    def log_sd(rows: Mask) -> tuple[float, int]:
        rows = rows & used
        if (rows & first).sum() >= ENOUGH_ROWS:
            rows = rows & first
        errors = unexplained[rows]
        return (float(np.quantile(errors, 0.8)) if errors.size else math.nan), errors.size

    unknown = log_sd(is_new)
    table: list[SpreadRow] = []
    for kind in get_args(SpeedKind):
        if kind == "cpu":
            continue
        found, rows = log_sd((kind_of == kind) & ~is_new)
        known = found if rows else unknown[0]
        table.append(SpreadRow(kind, "known", known, rows))
        table.append(SpreadRow(kind, "new", max(known, unknown[0]), unknown[1]))
    return [*table, *CPU]


def inside_interval(published: PublishedRuns, suites: Array) -> Mask:
    """Which rows lie between p10 and p90, with constants and spreads that had not seen their suite.

    Where a configuration leaves fields open, the interval is that of the mixture of the runs it may mean, as users are
    told.
    """
    kind_of, level_of, suite_of = kinds(published), novelties(published), published.suites
    apart = [_apart(known) for known in published.alternatives]
    inside = np.zeros(len(suites), dtype=bool)
    for suite in np.unique(suite_of):
        table = spread_rows(published, suites, suite_of != suite)
        log_sd = {(row.kind, row.novelty): row.log_sd for row in table}
        for row in np.flatnonzero(suite_of == suite):
            weights, shifts = apart[published.groups[row]]
            spread = log_sd[kind_of[row], level_of[row]]
            found = mix(weights, [lognormal_triple(math.exp(suites[row] + shift), spread) for shift in shifts])
            inside[row] = found.p10 <= math.exp(published.measured[row]) <= found.p90
    return inside


def _open_log_sd(known: Alternatives) -> float:
    """Spread between the runs that a configuration may mean."""
    weights, shifts = _apart(known)
    return math.sqrt(sum(weight * shift**2 for weight, shift in zip(weights, shifts, strict=True)))


def _apart(known: Alternatives) -> tuple[list[float], list[float]]:
    """Weights of the runs that a configuration may mean, and how far the log speed of each is from their mean."""
    weights = [weight for weight, _ in known]
    speeds = [log_speed(((1.0, run),), THROUGHPUT) for _, run in known]
    mean = sum(weight * speed for weight, speed in zip(weights, speeds, strict=True))
    return weights, [speed - mean for speed in speeds]


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
