"""Published runs with a memory figure, as workloads, and what the formulas say about them."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from planner.catalog.load import load_catalog
from planner.dialects.run_table import read_row
from planner.domain.run_config import RunConfig
from planner.errors import InputError
from planner.estimator.memory.allocator import context_bytes, reserved_bytes
from planner.estimator.memory.timeline import build_timeline
from planner.estimator.memory_constants import MemoryConstants
from planner.estimator.unknowns import expand
from planner.estimator.workload import Workload
from planner.estimator.workload_of_run import workload
from planner.units import GIB

Array = npt.NDArray[np.float64]
Row = Mapping[str, str]
FIGURES = ("allocated", "reserved", "device")
RUNS = Path(__file__).parents[2] / "shared" / "measured_runs" / "runs.csv"
TRACED = Path(__file__).with_name("traced_memory.csv")
TRACED_SOURCE = "traced with fake tensors"


class PublishedRun(NamedTuple):
    row: Row
    config: RunConfig
    group: int
    """Equal for equal configurations."""


class PublishedRuns(NamedTuple):
    runs: list[PublishedRun]
    alternatives: list[list[tuple[float, Workload]]]
    """By group: what the configuration may mean, with weights."""
    measured: Array
    """Logarithms of GiB, a column each figure; NaN where there is none."""
    unread: dict[str, str]
    """Rows of the tiers that cannot be predicted, by id, and why."""

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        return np.array([run.group for run in self.runs])

    @property
    def sources(self) -> list[str]:
        return [run.row["source"] for run in self.runs]

    @property
    def are_published(self) -> npt.NDArray[np.bool_]:
        """False for traced rows, which constants are fitted on and no error is counted of."""
        return np.array([source != TRACED_SOURCE for source in self.sources])

    @property
    def cells(self) -> list[str]:
        """Source, model, accelerator and method: what is left out together."""
        columns = ("source", "model", "accelerator", "method")
        return ["|".join(run.row[column] for column in columns) for run in self.runs]


def table_rows(path: Path = RUNS) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def _figure(row: Row, figure: str) -> float:
    cell = row.get(f"peak_{figure}_gib")
    return math.log(float(cell)) if cell and float(cell) > 0 else math.nan


def published_runs(tiers: Sequence[str] = ("A",), *, with_traced: bool = False) -> PublishedRuns:
    """Rows of the given tiers with a memory figure of known definition that ran to their end, and traced ones."""
    catalog = load_catalog()
    found: list[PublishedRun] = []
    measured, unread = [], {}
    numbers: dict[str, int] = {}
    alternatives: list[list[tuple[float, Workload]]] = []
    for row in (*table_rows(), *(table_rows(TRACED) if with_traced else ())):
        figures = [_figure(row, figure) for figure in FIGURES]
        if row["memory_tier"] not in tiers or row["outcome"] != "ok" or all(map(math.isnan, figures)):
            continue
        read = read_row(row, catalog)
        if read.config is None:
            unread[row["id"]] = read.unpredictable["memory"]
            continue
        text = read.config.model_dump_json(exclude={"name", "framework_version"})
        if text not in numbers:
            try:
                known = [(one.weight, workload(one.config)) for one in expand(read.config)[0]]
            except InputError as error:
                unread[row["id"]] = str(error)
                continue
            numbers[text] = len(alternatives)
            alternatives.append(known)
        found.append(PublishedRun(row, read.config, numbers[text]))
        measured.append(figures)
    return PublishedRuns(found, alternatives, np.array(measured), unread)


def with_values(constants: MemoryConstants, values: Mapping[str, float]) -> MemoryConstants:
    return replace(constants, **values)


def figures_of(run: Workload) -> tuple[float, float, float]:
    """Allocated, reserved and device memory in bytes."""
    timeline = build_timeline(run)
    reserved = reserved_bytes(run, timeline)
    return (
        timeline.peak_bytes,
        reserved,
        reserved + context_bytes(run),
    )


def predictions(published: PublishedRuns, constants: MemoryConstants, rows: npt.NDArray[np.bool_]) -> Array:
    """Logarithms of GiB of the wanted rows, others NaN; unknown fields by the weighted mean of the logarithms."""
    groups = published.groups
    by_group = np.full((len(published.alternatives), 3), np.nan)
    for group in np.unique(groups[rows]):
        known = published.alternatives[group]
        logs = [np.log(np.array(figures_of(run._replace(constants=constants))) / GIB) for _, run in known]
        by_group[group] = np.average(logs, axis=0, weights=[weight for weight, _ in known])
    found = np.full((len(groups), 3), np.nan)
    found[rows] = by_group[groups[rows]]
    return found
