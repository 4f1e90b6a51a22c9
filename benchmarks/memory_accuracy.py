"""Memory of published runs against the estimator, and against simple public rules: benchmarks/memory_accuracy.md."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.fit_memory import FOLDS, errors, fit, left_out, missed_by, summary
from benchmarks.page import append_table, write_page
from benchmarks.public_memory_rules import RULES
from benchmarks.published_memory import FIGURES, Array, PublishedRuns, predictions, published_runs, table_rows
from planner.catalog.load import load_catalog
from planner.dialects.run_table import read_row
from planner.errors import InputError
from planner.estimator.estimate_run import estimate_run
from planner.estimator.memory.spread import memory_spreads
from planner.estimator.memory_constants import MEMORY
from planner.units import GIB

NAME = "memory_accuracy"
SEEDS = 4
Z_P90 = 1.2816
COMPLETE = (
    "foundation-model-stack/fms-acceleration",
    "Lightning-AI/litgpt",
    "linkedin/Liger-Kernel",
    "huggingface/peft",
    "huggingface/blog",
)
"""Sources that state the whole configuration of runs that ran out of memory and of those that did not."""
COLUMNS = ("source", "method", "sharding", "accelerator")
WAYS = ("all rows", "cells left out", "sources left out")
Table = list[tuple[str, ...]]


def percent(ratio: float) -> str:
    return f"{100 * ratio:.1f} %" if math.isfinite(ratio) else ""


def summary_rows(published: PublishedRuns, found: Mapping[str, Array], partitions: Sequence[Array]) -> Table:
    """Each figure by each way of leaving out; cells as the mean of all partitions."""
    rows: Table = []
    for number, figure in enumerate(FIGURES):
        for way, predicted in found.items():
            of = partitions if way == "cells left out" else [predicted]
            means = np.mean([summary(published, one, number) for one in of], axis=0)
            rows.append((f"{figure}, {way}", *(percent(value) for value in means)))
    return rows


def group_rows(published: PublishedRuns, found: Mapping[str, Array], column: str) -> Table:
    """Median and 90th percentile by the values of a column, those with most rows first."""
    rows: Table = []
    for number, figure in enumerate(FIGURES):
        scored = np.isfinite(published.measured[:, number])
        labels = np.array([run.row[column] or "not stated" for run in published.runs])
        for label, count in Counter(labels[scored]).most_common():
            cells = []
            for predicted in found.values():
                use = scored & (labels == label)
                missed = np.abs(np.exp(predicted[use, number] - published.measured[use, number]) - 1.0)
                cells.append(_middle_and_high(missed))
            rows.append((figure, label, str(count), *cells))
    return rows


def cover_rows(published: PublishedRuns, cells: Array, sources: Array) -> Table:
    """Share of rows inside p10 to p90, as familiar runs and as runs of a source never seen."""
    runs = [published.alternatives[run.group][0][1] for run in published.runs]
    familiar = np.array([memory_spreads(run) for run in runs])
    strange = np.array([memory_spreads(run._replace(framework=None)) for run in runs])
    known, unknown = missed_by(published, cells).errors, missed_by(published, sources).errors
    rows: Table = []
    for number, figure in enumerate(FIGURES):
        scored = np.isfinite(published.measured[:, number])
        inside = [
            missed[scored, number] <= Z_P90 * spreads[scored, number]
            for missed, spreads in ((known, familiar), (unknown, strange))
        ]
        rows.append((figure, *(percent(float(np.mean(one))) for one in inside)))
    return rows


def fit_rows() -> Table:
    """Runs that ended for lack of memory, found by a probability of fitting below one half."""
    catalog = load_catalog()
    counts: dict[str, Counter[tuple[bool, bool]]] = {source: Counter() for source in COMPLETE}
    for row in table_rows():
        wanted = row["outcome"] in ("ok", "oom") and row["evidence"] in ("measured", "rounded")
        if row["source"] not in counts or not wanted:
            continue
        read = read_row(row, catalog)
        if read.config is None or "fits" in read.unpredictable:
            continue
        try:
            fails = estimate_run(read.config).memory.fits_probability < 0.5
        except InputError:
            continue
        counts[row["source"]][row["outcome"] == "oom", fails] += 1
    together = sum(counts.values(), Counter[tuple[bool, bool]]())
    return [_fit_row(name, each) for name, each in (*counts.items(), ("together", together))]


def _fit_row(name: str, each: Counter[tuple[bool, bool]]) -> tuple[str, ...]:
    found, missed, false_alarms = each[True, True], each[True, False], each[False, True]
    recall = found / (found + missed) if found + missed else math.nan
    precision = found / (found + false_alarms) if found + false_alarms else math.nan
    numbers = (found, missed, false_alarms, each[False, False])
    return (name, *map(str, numbers), percent(recall), percent(precision))


def rule_rows(published: PublishedRuns, cells: Array, column: str) -> Table:
    """Allocated memory by this estimate (cells left out) and by the public rules on the same rows, by a column."""
    measured = published.measured[:, 0]
    scored = np.isfinite(measured)
    labels = np.array([run.row[column] or "not stated" for run in published.runs])
    first = [published.alternatives[run.group][0][1] for run in published.runs]
    ways = [cells[:, 0], *(np.log([rule(run) / GIB for run in first]) for rule in RULES.values())]
    rows: Table = []
    for label, count in Counter(labels[scored]).most_common():
        use = scored & (labels == label)
        missed = [np.abs(np.exp(predicted[use] - measured[use]) - 1.0) for predicted in ways]
        rows.append((label, str(count), *(_middle_and_high(one) for one in missed)))
    return rows


def _middle_and_high(missed: Array) -> str:
    return f"{percent(float(np.median(missed)))} / {percent(float(np.quantile(missed, 0.9)))}"


def traced_rows(learned: PublishedRuns) -> Table:
    """Runs traced with fake tensors, by the shipped constants, which were fitted on them too."""
    traced = ~learned.are_published
    off = np.expm1(predictions(learned, MEMORY, traced) - learned.measured)[:, 0]
    kinds = np.array([f"{run.row['method']}, checkpointing {run.row['activation_ckpt']}" for run in learned.runs])
    rows: Table = []
    for kind in sorted(set(kinds[traced])):
        own = off[traced & (kinds == kind)]
        rows.append(
            (kind, str(own.size), percent(float(np.median(np.abs(own)))), f"{own.min():+.1%} to {own.max():+.1%}")
        )
    return rows


def tier_rows() -> Table:
    """The second tier by the shipped constants: a figure of each row is doubtful."""
    others = published_runs(("B",))
    everything = np.ones(len(others.runs), dtype=bool)
    predicted = predictions(others, MEMORY, everything)
    rows: Table = []
    for number, figure in enumerate(FIGURES):
        missed, sources = errors(others, predicted, number)
        names = np.array(sources)
        for name in sorted(set(sources)):
            own = missed[names == name]
            numbers = (percent(float(np.median(own))), percent(float(np.quantile(own, 0.9))))
            rows.append((figure, name, str(own.size), *numbers))
    return rows


def main() -> None:
    published, learned = published_runs(), published_runs(with_traced=True)
    count = len(published.runs)
    fitted = fit(learned, np.ones(len(learned.runs), dtype=bool))
    everything = np.ones(count, dtype=bool)
    shipped = predictions(published, MEMORY, everything)
    drift = float(np.nanmax(np.abs(predictions(published, fitted.constants, everything) - shipped)))
    partitions = [left_out(learned, learned.cells, fitted, folds=FOLDS, seed=seed)[:count] for seed in range(SEEDS)]
    sources = left_out(learned, learned.sources, fitted, folds=None)[:count]
    found = dict(zip(WAYS, (shipped, partitions[0], sources), strict=True))
    about = (
        f"Peak memory of {count} published runs of tier A ({len(published.alternatives)} configurations, "
        f"{len(set(published.sources))} sources), each figure against its own definition. Errors are absolute and "
        "relative. *Cells left out*: constants fitted without whole cells of source, model, accelerator and method, "
        f"{FOLDS} folds, mean of {SEEDS} partitions in the first table. *Sources left out*: without the row's whole "
        "source. Both read as optimistic: formulas and priors were chosen while these rows were in view. Each fit has "
        f"{len(learned.runs) - count} runs traced with fake tensors beside them, which are scored apart. A fit anew "
        f"moves no prediction by more than {percent(drift)}."
    )
    columns = ("figure", "median", "P90", "mean over sources of medians")
    path = write_page(NAME, "Memory against published runs", about, columns, summary_rows(published, found, partitions))
    for column in COLUMNS:
        rows = group_rows(published, found, column)
        append_table(path, f"By {column}, median / P90", ("figure", column, "rows", *WAYS), rows)
    append_table(
        path,
        "Share of rows between p10 and p90 (80 % wanted)",
        ("figure", "familiar, cells left out", "unfamiliar, sources left out"),
        cover_rows(published, partitions[0], sources),
    )
    outcomes = ("source", "found", "missed", "false alarms", "rightly passed", "recall", "precision")
    append_table(path, "Runs that ended for lack of memory", outcomes, fit_rows())
    for column in COLUMNS:
        heading = f"Beside public rules by {column}, peak allocated, median / P90"
        append_table(
            path, heading, (column, "rows", "this estimate", *RULES), rule_rows(published, partitions[0], column)
        )
    traced = ("traced runs", "rows", "median", "from, to")
    append_table(path, "Beside PyTorch's own tracker, peak allocated", traced, traced_rows(learned))
    append_table(path, "Tier B, shipped constants", ("figure", "source", "rows", "median", "P90"), tier_rows())


if __name__ == "__main__":
    main()
