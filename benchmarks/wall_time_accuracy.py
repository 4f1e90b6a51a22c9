"""Duration of published whole runs, by constants that had not seen them: median error, by source and by clock.

Usage: python -m benchmarks.wall_time_accuracy
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.fit_throughput import FOLDS, fit, stored_fit
from benchmarks.page import append_table, write_page
from benchmarks.published_durations import CPU_SOURCE, WholeRun, whole_runs
from benchmarks.published_throughput import Array, Labels, PublishedRuns, published_runs
from planner.estimator.step_time.roofline import step_time
from planner.estimator.throughput_constants import (
    THROUGHPUT,
    ThroughputConstants,
    constants_from,
    read_constants,
)

NAME = "wall_time_accuracy"
GOAL = 0.15
CPU_FITTED = (
    "matmul_ratio.cpu", "saturation_tokens_cpu", "saturation_width_cpu", "attention_cpu_ratio", "pointwise_cpu_ratio",
    "launch_cpu_s",
)  # fmt: skip
CPU_PRIOR_LOG_SD = 0.7
CPU_NOISE = 0.1
CPU_ROUNDS = 10
ConstantsOf = Callable[[frozenset[str]], ThroughputConstants]
"""Constants fitted without the rows that bear one of these labels."""


class Score(NamedTuple):
    rows: int
    median: float
    high: float
    bias: float


def log_duration(run: WholeRun, constants: ThroughputConstants) -> float:
    """Logarithm of the seconds that the run's clock should show: steps and evaluations at the constants' speed."""
    found = 0.0
    for weight, physics in run.physics:
        step_s = step_time(physics.run, constants).total_s
        evaluating_s = physics.course.evaluation_s * step_s / physics.step.total_s
        found += weight * math.log(physics.steps * step_s + evaluating_s)
    return found


def left_out(runs: Sequence[WholeRun], labels: Labels, folds: int | None, constants_of: ConstantsOf) -> Array:
    """Each run by constants fitted without its label; ``folds`` None leaves out one label at a time."""
    names = np.unique(labels)
    np.random.default_rng(0).shuffle(names)
    found = np.full(len(runs), np.nan)
    for own in np.array_split(names, min(folds or len(names), len(names))):
        constants = constants_of(frozenset(str(name) for name in own))
        for place in np.flatnonzero(np.isin(labels, own)):
            found[place] = log_duration(runs[int(place)], constants)
    return found


def published_constants(published: PublishedRuns, labels: Labels) -> ConstantsOf:
    """Fits on the published speeds that bear none of the labels."""
    stored = stored_fit(published)
    return lambda names: fit(published, ~np.isin(labels, list(names)), stored).constants


def cpu_constants(runs: Sequence[WholeRun]) -> ConstantsOf:
    """Fits of what only a CPU has on the CPU runs that are not named, with a wide prior at the stored values."""
    stored = {row.name: row.value for row in read_constants()}

    def constants(shifts: Array) -> ThroughputConstants:
        moved = {name: stored[name] * math.exp(shift) for name, shift in zip(CPU_FITTED, shifts, strict=True)}
        return constants_from(stored | moved)

    def fitted(names: frozenset[str]) -> ThroughputConstants:
        known = [run for run in runs if run.id not in names]
        measured = np.array([run.log_wall for run in known])

        def predicted(shifts: Array) -> Array:
            at = constants(shifts)
            return np.array([log_duration(run, at) for run in known])

        shifts, nudge, units = np.zeros(len(CPU_FITTED)), 1e-3, np.eye(len(CPU_FITTED))
        for _ in range(CPU_ROUNDS):
            now = predicted(shifts)
            slopes = np.stack([(predicted(shifts + nudge * unit) - now) / nudge for unit in units], axis=1)
            missed = (now - measured) / CPU_NOISE
            damped = slopes / np.sqrt(1.0 + missed**2)[:, None] / CPU_NOISE
            step = np.linalg.solve(
                damped.T @ slopes / CPU_NOISE + units / CPU_PRIOR_LOG_SD**2,
                -damped.T @ missed - shifts / CPU_PRIOR_LOG_SD**2,
            )
            shifts = shifts + np.clip(step, -1.0, 1.0)
            if np.abs(step).max() < 0.02:
                break
        return constants(shifts)

    return fitted


def score(missed: Array) -> Score:
    errors = np.abs(np.expm1(missed))
    return Score(len(missed), float(np.median(errors)), float(np.quantile(errors, 0.9)), float(missed.mean()))


def percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def cell(found: Score) -> str:
    return f"{percent(found.median)} / {percent(found.high)}"


def main() -> None:
    runs, missing = whole_runs()
    published = published_runs()
    is_cpu = np.array([run.source == CPU_SOURCE for run in runs])
    others = [run for run in runs if run.source != CPU_SOURCE]
    cpu = [run for run in runs if run.source == CPU_SOURCE]
    measured = np.array([run.log_wall for run in runs])

    found = {name: np.full(len(runs), np.nan) for name in ("stored constants", "cells left out", "suites left out")}
    found["stored constants"] = np.array([log_duration(run, THROUGHPUT) for run in runs])
    on_cells = published_constants(published, published.cells)
    found["cells left out"][~is_cpu] = left_out(others, np.array([run.cell for run in others]), FOLDS, on_cells)
    found["cells left out"][is_cpu] = left_out(cpu, np.array([run.id for run in cpu]), FOLDS, cpu_constants(cpu))
    on_suites = published_constants(published, published.suites)
    found["suites left out"][~is_cpu] = left_out(others, np.array([run.suite for run in others]), None, on_suites)
    found["suites left out"][is_cpu] = found["cells left out"][is_cpu]

    groups: dict[str, Array] = {
        "all": np.ones(len(runs), dtype=bool),
        **{f"tier {tier}": np.array([run.tier == tier for run in runs]) for tier in ("A", "B")},
        **{
            f"clock of {clock}": np.array([run.clock == clock for run in runs])
            for clock in ("steps", "steps and evaluations")
        },
    }
    for source, tier in sorted({(run.source, run.tier) for run in runs}):
        groups[f"{source}, tier {tier}"] = np.array([(run.source, run.tier) == (source, tier) for run in runs])
    table = []
    for title, rows in groups.items():
        scores = [score((one - measured)[rows]) for one in found.values()]
        table.append([title, str(scores[0].rows), *(cell(one) for one in scores), f"{scores[1].bias:+.3f}"])

    best = {name: score(one - measured).median for name, one in found.items()}
    verdict = ", ".join(
        f"{name}: {percent(best[name])} ({'met' if best[name] <= GOAL else 'missed'})" for name in list(found)[1:]
    )
    path = write_page(
        NAME,
        "Duration of published whole runs",
        f"Seconds from the first step to the last of {len(runs)} whole runs that state a measured time and their "
        "length in steps or samples, predicted from their configurations alone. Aimed at: a median error of at most "
        f"{percent(GOAL)} for runs that the constants had not seen. {verdict}. *Cells left out*: constants fitted "
        "without whole cells of source, model, accelerator and method; *suites left out*: without the whole suite. The "
        f"{len(cpu)} runs on a CPU are predicted by CPU constants fitted without a fifth of them, in both columns: "
        "there is no second suite of such runs. Benchmarks with a rule for it (MLPerf) are predicted with the "
        "evaluations that the rule asks for. Start-up is in none of the clocks: its constants are assumed, or learned "
        "from a team's own runs.",
        ("group", "runs", *(f"{name}, median / P90" for name in found), "bias, cells left out"),
        table,
    )
    append_table(path, "Rows with a time that are not scored", ("source", "reason", "rows"), missing_rows(missing))


def missing_rows(missing: Counter[tuple[str, str]]) -> list[list[str]]:
    return [[*one, str(count)] for one, count in sorted(missing.items())]


if __name__ == "__main__":
    main()
