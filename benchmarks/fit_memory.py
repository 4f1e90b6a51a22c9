"""Fits the constants of memory on published runs and writes them, with what identifies them, beside the estimator.

Each constant has a Gaussian prior on its logarithm, so that one that a single source identifies stays near theory.
Nothing is fitted to a source: rows differ only by what their configurations say. Runs traced with fake tensors are
fitted on as well, never scored.
"""

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.published_memory import FIGURES, Array, PublishedRuns, predictions, published_runs, with_values
from planner.estimator.memory.spread import SpreadRow, familiarity, lengths_kind
from planner.estimator.memory_constants import MEMORY, Constant, MemoryConstants, read_constants

NOISE = np.array([0.03, 0.05, 0.06])
"""Spread that formulas cannot explain, by figure: software versions and what tables leave out."""
FOLDS = 5
ROUNDS = 8
"""Gauss-Newton steps, each at most one spread of a prior."""
NUDGE = 1e-3
ESTIMATOR = Path(__file__).parents[1] / "planner" / "estimator"
Mask = npt.NDArray[np.bool_]


class Fitted(NamedTuple):
    constants: MemoryConstants
    shifts: Array
    """How far each fitted constant moved, in spreads of its prior."""
    slopes: Array
    """Rows by figures by constants, at these constants."""


def fitted_constants() -> list[Constant]:
    return [row for row in read_constants() if row.prior_log_sd > 0]


def constants_at(shifts: Array) -> MemoryConstants:
    rows = fitted_constants()
    return with_values(
        MEMORY,
        {row.name: row.prior * math.exp(x * row.prior_log_sd) for row, x in zip(rows, shifts, strict=True)},
    )


def slopes_at(published: PublishedRuns, shifts: Array, rows: Mask) -> Array:
    """How each row's three figures follow each fitted constant, in logarithms a spread of its prior."""
    base = predictions(published, constants_at(shifts), rows)
    nudged = [predictions(published, constants_at(shifts + NUDGE * unit), rows) for unit in np.eye(shifts.size)]
    return np.stack([(one - base) / NUDGE for one in nudged], axis=-1)


def fit(published: PublishedRuns, rows: Mask, around: Fitted | None = None) -> Fitted:
    """Least squares in the logarithm with outliers damped; equal configurations weigh as one run.

    ``around``: a fit of more rows, from which this one starts and whose slopes it keeps.
    """
    groups, measured = published.groups, published.measured
    weight = (1.0 / np.sqrt(np.bincount(groups)[groups]))[:, None] / NOISE
    scored: Mask = rows[:, None] & np.isfinite(measured)
    shifts = np.zeros(len(fitted_constants())) if around is None else around.shifts
    slopes = np.zeros(0) if around is None else around.slopes
    for _ in range(ROUNDS):
        if around is None:
            slopes = slopes_at(published, shifts, rows)
        missed = ((predictions(published, constants_at(shifts), rows) - measured) * weight)[scored]
        follow = (slopes * weight[:, :, None])[scored]
        damped = follow * (1.0 / np.sqrt(1.0 + missed**2))[:, None]
        step = np.linalg.solve(follow.T @ damped + np.eye(shifts.size), -(damped.T @ missed) - shifts)
        shifts = np.clip(shifts + np.clip(step, -1.0, 1.0), -3.5, 3.5)
    if around is None:
        slopes = slopes_at(published, shifts, rows)
    return Fitted(constants_at(shifts), shifts, slopes)


def left_out(
    published: PublishedRuns, labels: Sequence[str], around: Fitted, *, folds: int | None, seed: int = 0
) -> Array:
    """Predictions of each row by constants fitted without its label; ``folds`` None leaves out one label at a time."""
    is_scored = published.are_published
    names = sorted({label for label, use in zip(labels, is_scored, strict=True) if use})
    np.random.default_rng(seed).shuffle(names)
    fold_of = {name: place % folds if folds else place for place, name in enumerate(names)}
    fold = np.array([fold_of[label] if use else -1 for label, use in zip(labels, is_scored, strict=True)])
    found = np.full((len(labels), 3), np.nan)
    for number in range(fold.max() + 1):
        test = fold == number
        found[test] = predictions(published, fit(published, ~test, around).constants, test)[test]
    return found


def errors(published: PublishedRuns, found: Array, figure: int) -> tuple[Array, list[str]]:
    """Absolute relative errors of one figure, and their sources."""
    measured = published.measured[:, figure]
    scored = np.isfinite(measured) & np.isfinite(found[:, figure])
    sources = [source for source, use in zip(published.sources, scored, strict=True) if use]
    return np.abs(np.exp(found[scored, figure] - measured[scored]) - 1.0), sources


def summary(published: PublishedRuns, found: Array, figure: int) -> tuple[float, float, float]:
    """Median, 90th percentile, and mean over sources of their medians."""
    missed, sources = errors(published, found, figure)
    names = np.array(sources)
    medians = [float(np.median(missed[names == name])) for name in sorted(set(sources))]
    return float(np.median(missed)), float(np.quantile(missed, 0.9)), float(np.mean(medians))


def identified_by(published: PublishedRuns, name: str) -> tuple[int, int]:
    """Rows and sources of which a figure moves by 0.1 % or more when the constant moves by 10 %."""
    wanted = published.are_published
    base = predictions(published, MEMORY, wanted)
    moved = predictions(published, with_values(MEMORY, {name: 1.1 * getattr(MEMORY, name)}), wanted)
    changed = (np.abs(moved - base) >= 1e-3) & np.isfinite(published.measured)
    rows = np.flatnonzero(changed.any(axis=1))
    return rows.size, len({published.sources[row] for row in rows})


def write_constants(published: PublishedRuns, fitted: Fitted) -> None:
    """memory_constants.csv anew."""
    table = []
    for row in read_constants():
        value = getattr(fitted.constants, row.name)
        rows, sources = identified_by(published, row.name)
        kept = f"{value:.4g}" if row.prior_log_sd else f"{row.value:g}"
        table.append((row.name, kept, f"{row.prior:g}", f"{row.prior_log_sd:g}", rows, sources, row.what))
    with (ESTIMATOR / "memory_constants.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Constant._fields)
        writer.writerows(table)


class Missed(NamedTuple):
    """Absolute log errors of the three figures, NaN where there is none, and what groups them."""

    errors: Array
    kinds: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]


def missed_by(published: PublishedRuns, predicted: Array) -> Missed:
    kinds = np.array([lengths_kind(published.alternatives[run.group][0][1]) for run in published.runs])
    return Missed(np.abs(predicted - published.measured), kinds, np.array(published.sources))


def strangers(published: PublishedRuns, constants: MemoryConstants) -> Missed:
    """Rows of the second tier whose software or accelerator no row of the first has."""
    seen = {familiarity(known[0][1]) for known in published.alternatives}
    others = published_runs(("B",))
    rows = np.array([familiarity(others.alternatives[run.group][0][1]) not in seen for run in others.runs])
    missed = missed_by(others, predictions(others, constants, rows))
    return Missed(missed.errors[rows], missed.kinds[rows], missed.sources[rows])


COLUMNS = {"allocated": (0,), "reserved": (1, 2), "device": (1, 2)}
"""Figures that share a spread: what the cache adds moves reserved and device memory alike."""
VERSIONS_LOG_SD = {"allocated": 0.025, "reserved": 0.04, "device": 0.04}
"""Least spread: equal configurations under other software versions (fms-acceleration: device 6 %, P90 28 %)."""


def spread_rows(known: Missed, unknown: Sequence[Missed]) -> list[SpreadRow]:
    """Spreads by figure, kind of lengths and familiarity: such that 80 % of the left-out rows lie inside.

    Familiar runs by constants that had not seen their cell; a kind is drawn towards its figure's spread as if that
    were ten more rows. Others by constants that had not seen their source, each source counting once.
    """
    found = []
    every = Missed(
        np.concatenate([missed.errors for missed in unknown]),
        np.concatenate([missed.kinds for missed in unknown]),
        np.concatenate([missed.sources for missed in unknown]),
    )
    for figure, columns in COLUMNS.items():
        pooled, wide = _log_sd(known.errors[:, columns]), _by_source(every, columns)
        for kind in ("equal", "longest_first", "random"):
            own = known.errors[known.kinds == kind][:, columns]
            rows = int(np.isfinite(own).any(axis=1).sum())
            log_sd = (rows * _log_sd(own) + 10.0 * pooled) / (rows + 10.0) if rows else pooled
            log_sd = max(log_sd, VERSIONS_LOG_SD[figure])
            found.append(SpreadRow(figure, kind, True, log_sd, rows))
            found.append(SpreadRow(figure, kind, False, max(wide, log_sd), np.unique(every.sources).size))
    return found


def _by_source(missed: Missed, columns: Sequence[int]) -> float:
    spreads = [_log_sd(missed.errors[missed.sources == name][:, columns]) for name in np.unique(missed.sources)]
    return float(np.nanmean(spreads))


def _log_sd(missed: Array) -> float:
    found = missed[np.isfinite(missed)]
    return float(np.quantile(found, 0.8)) / 1.2816 if found.size else math.nan


def write_spreads(rows: Sequence[SpreadRow]) -> None:
    """memory_spreads.csv anew."""
    with (ESTIMATOR / "memory_spreads.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(SpreadRow._fields)
        for row in rows:
            writer.writerow([row.figure, row.lengths, int(row.is_familiar), f"{row.log_sd:.3f}", row.rows])


def write_seen(published: PublishedRuns) -> None:
    """memory_seen.csv anew: software and accelerators that the constants were fitted on."""
    with (ESTIMATOR / "memory_seen.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("framework", "accelerator"))
        runs = [run for run, use in zip(published.runs, published.are_published, strict=True) if use]
        writer.writerows(sorted({familiarity(published.alternatives[run.group][0][1]) for run in runs}))


def show(title: str, published: PublishedRuns, found: Array) -> None:
    for figure, name in enumerate(FIGURES):
        middle, high, macro = summary(published, found, figure)
        print(f"{title:16s} {name:10s} median {middle:5.1%}  P90 {high:5.1%}  over sources {macro:5.1%}")


def show_traced(published: PublishedRuns, found: Array) -> None:
    missed = np.expm1(found - published.measured)[~published.are_published, 0]
    middle, low, high = np.median(np.abs(missed)), missed.min(), missed.max()
    print(f"traced           allocated  median {middle:5.1%}  from {low:+.1%} to {high:+.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave nothing out")
    parser.add_argument("--write", action="store_true", help="write the constants and spreads")
    arguments = parser.parse_args()
    published = published_runs(with_traced=True)
    everything = np.ones(len(published.runs), dtype=bool)
    fitted = fit(published, everything)
    shipped = predictions(published, fitted.constants, everything)
    show_traced(published, shipped)
    shipped[~published.are_published] = np.nan
    show("all rows", published, shipped)
    for row, shift in zip(fitted_constants(), fitted.shifts, strict=True):
        print(
            f"{row.name:32s} prior {row.prior:10.4g}  fitted {getattr(fitted.constants, row.name):10.4g}  {shift:+.2f}"
        )
    if arguments.quick:
        return
    cells = left_out(published, published.cells, fitted, folds=FOLDS)
    show("cells left out", published, cells)
    sources = left_out(published, published.sources, fitted, folds=None)
    show("sources left out", published, sources)
    if arguments.write:
        write_constants(published, fitted)
        unknown = (missed_by(published, sources), strangers(published, fitted.constants))
        write_spreads(spread_rows(missed_by(published, cells), unknown))
        write_seen(published)


if __name__ == "__main__":
    main()
