"""Published runs calibrated by five own runs of their cell: errors and coverage, from priors that had not seen it.

A cell is what one laboratory repeats with small changes: source, model, accelerator and method. Of each cell of six
tier A runs or more five are drawn as its own history, many times; runs of other configurations than these five are
predicted. *Five runs alone*: the history holds nothing else. *Among others*: it also holds five runs of every other
such cell and all runs of the small ones. Constants of the physics were fitted without the cell (5 folds of whole
cells), or without its whole suite. The table of runs was in view when the formulas and the calibration's own
constants (shares assumed before runs, pooling of spreads) were chosen on it: figures and coverage read as optimistic.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import numpy as np

from benchmarks.left_out_priors import LeftOutRun, peaks, speeds
from benchmarks.page import append_table, write_page
from benchmarks.published_memory import Array
from planner.calibration.fit import learn
from planner.calibration.intervals import calibrated
from planner.calibration.observed import Observed
from planner.calibration.resolve import as_group, resolve
from planner.calibration.terms import terms_of
from planner.calibration.traits import Traits, traits_of
from planner.domain.calibration import ResourceCalibration
from planner.domain.estimate import Quantiles, Resource
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run

NUM_OWN = 5
MIN_CELL = 6
DRAWS_ALONE, DRAWS_AMONG = 10, 24
MIN_GROUP_ROWS = 30
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Told(NamedTuple):
    """One run predicted once."""

    run: LeftOutRun
    log_error: float
    is_within: bool


class Figure(NamedTuple):
    name: str
    resource: Resource
    runs: list[LeftOutRun]
    most: float | None
    """Median error to reach with five own runs."""


def figures() -> list[Figure]:
    speed: Resource = "tokens_per_s_per_accelerator"
    return [
        Figure("tokens/s, cell not seen", speed, speeds("cells"), 0.025),
        Figure("tokens/s, suite not seen", speed, speeds("suites"), 0.03),
        Figure("allocated, cell not seen", "peak_allocated_bytes", peaks("cells", "allocated"), 0.015),
        Figure("allocated, source not seen", "peak_allocated_bytes", peaks("sources", "allocated"), None),
        Figure("reserved, cell not seen", "peak_reserved_bytes", peaks("cells", "reserved"), None),
        Figure("device, cell not seen", "peak_device_bytes", peaks("cells", "device"), 0.04),
        Figure("device, source not seen", "peak_device_bytes", peaks("sources", "device"), None),
    ]


@cache
def expected(text: str, resource: Resource) -> tuple[Traits, dict[str, float], float]:
    """Traits, terms and the physics' spread of a configuration, given as JSON."""
    config = RunConfig.model_validate_json(text)
    estimate = estimate_run(config)
    told = estimate.quantiles(resource)
    assert told is not None
    return traits_of(config, None), terms_of(estimate, resource), told.log_sd


def observed(run: LeftOutRun, resource: Resource) -> Observed:
    who, terms, log_sd = expected(run.config_json, resource)
    return Observed(run.id, resource, NOW, who, terms, run.log_ratio, log_sd)


def drawn(cells: dict[str, list[LeftOutRun]], seed: int) -> dict[str, tuple[list[LeftOutRun], list[LeftOutRun]]]:
    """By cell, own runs and runs of other configurations."""
    dice = np.random.default_rng(seed)
    found = {}
    for name in sorted(cells):
        runs = cells[name]
        own = [runs[number] for number in dice.choice(len(runs), NUM_OWN, replace=False)]
        known = {one.config_hash for one in own}
        found[name] = own, [one for one in runs if one.config_hash not in known]
    return found


def predicted(learnt: ResourceCalibration, run: LeftOutRun) -> Told:
    row = observed(run, learnt.resource)
    group = as_group(learnt, resolve(learnt, row.traits, row.terms, row.estimate_log_sd))
    found = calibrated(Quantiles.lognormal(1.0, row.estimate_log_sd), group)
    actual = float(np.exp(run.log_ratio))
    return Told(run, float(np.log(found.p50 / actual)), found.p10 <= actual <= found.p90)


def alone(figure: Figure, cells: dict[str, list[LeftOutRun]]) -> Iterator[Told]:
    for seed in range(DRAWS_ALONE):
        for own, others in drawn(cells, seed).values():
            (learnt,) = learn([observed(run, figure.resource) for run in own])
            yield from (predicted(learnt, run) for run in others)


def among(figure: Figure, cells: dict[str, list[LeftOutRun]]) -> Iterator[Told]:
    small = [observed(run, figure.resource) for run in figure.runs if run.cell not in cells]
    for seed in range(DRAWS_AMONG):
        draw = drawn(cells, seed)
        (learnt,) = learn([*small, *(observed(run, figure.resource) for own, _ in draw.values() for run in own)])
        yield from (predicted(learnt, run) for _, others in draw.values() for run in others)


def errors(told: Sequence[Told]) -> Array:
    return np.abs(np.expm1([one.log_error for one in told]))


def over_sources(told: Sequence[Told]) -> float:
    found, sources = errors(told), np.array([one.run.source for one in told])
    return float(np.mean([np.median(found[sources == name]) for name in np.unique(sources)]))


def percent(ratio: float) -> str:
    return f"{100 * ratio:.1f} %"


def row_of(figure: Figure, way: str, told: Sequence[Told]) -> tuple[str, ...]:
    found = errors(told)
    most = "" if figure.most is None or way == "physics" else percent(figure.most)
    within = "" if way == "physics" else percent(float(np.mean([one.is_within for one in told])))
    numbers = (float(np.median(found)), float(np.quantile(found, 0.9)), over_sources(told))
    return (figure.name, way, str(len({one.run.id for one in told})), *map(percent, numbers), most, within)


def group_rows(figure: Figure, way: str, told: Sequence[Told]) -> Iterator[tuple[str, ...]]:
    """Coverage by family of accelerator and method, of groups with enough runs."""
    by_group: dict[str, list[Told]] = {}
    for one in told:
        by_group.setdefault(one.run.group, []).append(one)
    for name, own in sorted(by_group.items()):
        rows = len({one.run.id for one in own})
        if rows >= MIN_GROUP_ROWS:
            yield figure.name, way, name, str(rows), percent(float(np.mean([one.is_within for one in own])))


def main() -> None:
    rows: list[tuple[str, ...]] = []
    groups: list[tuple[str, ...]] = []
    for figure in figures():
        by_cell: dict[str, list[LeftOutRun]] = {}
        for run in figure.runs:
            by_cell.setdefault(run.cell, []).append(run)
        cells = {name: runs for name, runs in by_cell.items() if len(runs) >= MIN_CELL}
        scored = [Told(run, -run.log_ratio, True) for runs in cells.values() for run in runs]
        rows.append(row_of(figure, "physics", scored))
        for way, told in (
            ("five runs alone", list(alone(figure, cells))),
            ("among others", list(among(figure, cells))),
        ):
            rows.append(row_of(figure, way, told))
            groups.extend(group_rows(figure, way, told))
    columns = ("figure, prior", "history", "runs", "median", "P90", "over sources", "median at most", "inside 80 %")
    about = (__doc__ or "").partition("\n\n")[2].strip().replace("\n", " ")
    path = write_page("calibration_published", "Published runs with five own runs of their cell", about, columns, rows)
    append_table(
        path,
        "Inside p10 to p90, groups of 30 runs or more",
        ("figure, prior", "history", "group", "runs", "inside"),
        groups,
    )


if __name__ == "__main__":
    main()
