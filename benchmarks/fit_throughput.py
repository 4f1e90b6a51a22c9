"""Fits the constants of the step time on published runs and writes them, with what identifies them.

Each constant has a Gaussian prior on its logarithm, so that one that a single source identifies stays near theory.
Constants of families and classes are ratios around a common one, so that all move together where all are missed alike.
Nothing is fitted to a source: rows differ only by what their configurations say.
"""

import argparse
import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.published_throughput import Array, Labels, Mask, PublishedRuns, log_speed, log_speeds, published_runs
from benchmarks.throughput_spreads import spread_rows, write_spreads
from planner.estimator.throughput_constants import Constant, ThroughputConstants, constants_from, read_constants

NOISE = {"A": 0.05, "B": 0.2}
"""Spread that formulas cannot explain, by tier: software versions and what tables leave out."""
ROWS_OF_A_SOURCE = 20.0
"""Configurations from which on those of a source count for less each."""
ROUNDS = 7
NUDGE = 1e-3
FOLDS = 5
TABLE = Path(__file__).parents[1] / "planner" / "estimator" / "throughput_constants.csv"
ALL = read_constants()
FITTED = [row for row in ALL if row.prior_log_sd > 0]


class Fitted(NamedTuple):
    constants: ThroughputConstants
    shifts: Array
    """How far each fitted constant moved, in spreads of its prior."""
    slopes: Array
    """By group and constant, where the fit ended."""


def constants_at(shifts: Array) -> ThroughputConstants:
    """Constants that many spreads away from their priors."""
    values = {row.name: row.value for row in ALL}
    for row, shift in zip(FITTED, shifts, strict=True):
        values[row.name] = row.prior * math.exp(float(shift) * row.prior_log_sd)
    return constants_from(values)


def slopes_at(published: PublishedRuns, shifts: Array, groups: Mask, affected: Mask | None) -> Array:
    """How the logarithm of each group's speed moves with each constant; unaffected pairs are left out."""
    base = log_speeds_of(published, constants_at(shifts), groups)
    found = np.zeros((len(published.alternatives), len(FITTED)))
    for place, unit in enumerate(np.eye(len(FITTED))):
        constants = constants_at(shifts + NUDGE * unit)
        rows = groups if affected is None else groups & affected[:, place]
        for group in np.flatnonzero(rows):
            found[group, place] = (log_speed(published.alternatives[group], constants) - base[group]) / NUDGE
    return found


def log_speeds_of(published: PublishedRuns, constants: ThroughputConstants, groups: Mask) -> Array:
    found = np.full(len(published.alternatives), np.nan)
    for group in np.flatnonzero(groups):
        found[group] = log_speed(published.alternatives[group], constants)
    return found


def weights(published: PublishedRuns, rows: Mask) -> Array:
    """Rows of one configuration weigh as one run, and many configurations of one source as fewer."""
    groups = published.groups
    each = 1.0 / np.bincount(groups[rows], minlength=len(published.alternatives))[groups].clip(1)
    for source in np.unique(published.sources):
        own = published.sources == source
        count = each[own & rows].sum()
        each[own] *= min(1.0, math.sqrt(ROWS_OF_A_SOURCE / count)) if count else 1.0
    noise = np.array([NOISE[tier] for tier in published.tiers])
    return np.asarray(np.sqrt(each) / noise)


def fit(published: PublishedRuns, rows: Mask, start: Fitted | None = None) -> Fitted:
    """Least squares in the logarithm with outliers damped.

    From ``start`` two refreshed slopes are enough; else the slopes of every round are computed anew.
    """
    groups_of = published.groups
    used = np.zeros(len(published.alternatives), dtype=bool)
    used[groups_of[rows]] = True
    weight = weights(published, rows)[rows]
    measured, own = published.measured[rows], groups_of[rows]
    shifts = np.zeros(len(FITTED)) if start is None else start.shifts.copy()
    slopes = None if start is None else start.slopes
    affected = None if slopes is None else slopes != 0.0
    refreshed = (1, 3) if start is None else ()
    for round_ in range(ROUNDS):
        if slopes is None or round_ in refreshed:
            slopes = slopes_at(published, shifts, used, affected)
        now = (log_speeds_of(published, constants_at(shifts), used)[own] - measured) * weight
        scaled = slopes[own] * weight[:, None]
        damped = scaled * (1.0 / np.sqrt(1.0 + now**2))[:, None]
        step = np.linalg.solve(scaled.T @ damped + np.eye(len(FITTED)), -(damped.T @ now) - shifts)
        shifts = np.clip(shifts + np.clip(step, -1.0, 1.0), -3.5, 3.5)
        if np.abs(step).max() < 0.02:
            break
    assert slopes is not None
    return Fitted(constants_at(shifts), shifts, slopes)


def stored_fit(published: PublishedRuns) -> Fitted:
    """The constants as they are stored, as a start for others."""
    shifts = np.array([math.log(row.value / row.prior) / row.prior_log_sd for row in FITTED])
    every_group = np.ones(len(published.alternatives), dtype=bool)
    return Fitted(constants_at(shifts), shifts, slopes_at(published, shifts, every_group, None))


def left_out(published: PublishedRuns, labels: Labels, full: Fitted, *, folds: int | None, seed: int = 0) -> Array:
    """Predictions of each row by constants fitted without its label; ``folds`` None leaves out one label at a time."""
    names = np.unique(labels)
    np.random.default_rng(seed).shuffle(names)
    fold_of = {name: place % folds if folds else place for place, name in enumerate(names)}
    fold = np.array([fold_of[label] for label in labels])
    found = np.full(len(labels), np.nan)
    groups = published.groups
    for number in range(fold.max() + 1):
        test = fold == number
        fitted = fit(published, ~test, full)
        used = np.zeros(len(published.alternatives), dtype=bool)
        used[groups[test]] = True
        found[test] = log_speeds_of(published, fitted.constants, used)[groups[test]]
    return found


def summary(published: PublishedRuns, found: Array, rows: Mask) -> tuple[float, float, float, float]:
    """Median, 90th percentile, mean over sources of their medians, and mean error of the logarithm."""
    missed = found[rows] - published.measured[rows]
    errors, sources = np.abs(np.exp(missed) - 1.0), published.sources[rows]
    medians = [float(np.median(errors[sources == name])) for name in np.unique(sources)]
    return float(np.median(errors)), float(np.quantile(errors, 0.9)), float(np.mean(medians)), float(missed.mean())


def identified_by(published: PublishedRuns, values: dict[str, float]) -> dict[str, tuple[int, int]]:
    """For each constant: rows and sources whose speed moves by 0.1 % or more when the constant moves by 10 %."""
    base, groups, sources = log_speeds(published, constants_from(values)), published.groups, published.sources
    found = {}
    for row in ALL:
        moved = log_speeds(published, constants_from({**values, row.name: 1.1 * values[row.name]}))
        changed = (np.abs(moved - base) >= 1e-3)[groups]
        found[row.name] = int(changed.sum()), len(set(sources[changed]))
    return found


def write_constants(rows: list[Constant]) -> None:
    """throughput_constants.csv anew."""
    with TABLE.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Constant._fields)
        for row in rows:
            numbers = (f"{row.value:.4g}", f"{row.prior:g}", f"{row.prior_log_sd:g}", row.rows, row.sources)
            writer.writerow((row.name, *numbers, row.what))


def show(title: str, published: PublishedRuns, found: Array) -> None:
    for tier in ("A", "B"):
        median, high, macro, bias = summary(published, found, published.tiers == tier)
        print(f"{title:16s} tier {tier}  median {median:5.1%}  P90 {high:5.1%}  over sources {macro:5.1%}  {bias:+.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the constants")
    arguments = parser.parse_args()
    published = published_runs()
    everything = np.ones(len(published.runs), dtype=bool)
    fitted = fit(published, everything)
    show("all rows", published, log_speeds(published, fitted.constants)[published.groups])
    for row, shift in zip(FITTED, fitted.shifts, strict=True):
        value = row.prior * math.exp(shift * row.prior_log_sd)
        print(f"{row.name:36s} prior {row.prior:10.4g}  fitted {value:10.4g}  {shift:+.2f}")
    cells = left_out(published, published.cells, fitted, folds=FOLDS)
    show("cells left out", published, cells)
    suites = left_out(published, published.suites, fitted, folds=None)
    show("suites left out", published, suites)
    spreads = spread_rows(published, suites)
    for spread in spreads:
        print(f"{spread.kind:14s} {spread.novelty:6s} {spread.log_sd:.3f} of {spread.rows} rows")
    if arguments.write:
        write_spreads(published, spreads)
        values = {row.name: row.value for row in ALL}
        for row, shift in zip(FITTED, fitted.shifts, strict=True):
            values[row.name] = row.prior * math.exp(float(shift) * row.prior_log_sd)
        seen = identified_by(published, values)
        write_constants(
            [row._replace(value=values[row.name], rows=seen[row.name][0], sources=seen[row.name][1]) for row in ALL]
        )


if __name__ == "__main__":
    main()
