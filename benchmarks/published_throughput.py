"""Published runs with a measured speed, as the estimator sees them."""

import csv
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from planner.catalog.load import load_catalog
from planner.dialects.run_table import read_row
from planner.domain.run_config import RunConfig
from planner.errors import UnknownFieldError
from planner.estimator.step_time.roofline import step_time
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.unknowns import expand
from planner.estimator.workload import Workload
from planner.estimator.workload_of_run import workload

RUNS = Path(__file__).parents[1] / ".." / "shared" / "measured_runs" / "runs.csv"
FIGURE = "tokens_per_s_per_accel"
Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]
Alternatives = tuple[tuple[float, Workload], ...]


class PublishedRun(NamedTuple):
    """One row of the table."""

    id: str
    tier: str
    source: str
    config: RunConfig
    group: int
    """Rows with equal configurations share a group."""
    tokens_per_s: float
    row: dict[str, str]


class PublishedRuns(NamedTuple):
    """Rows that can be predicted, and the ones that cannot with the reason."""

    runs: tuple[PublishedRun, ...]
    alternatives: tuple[Alternatives, ...]
    """By group: the runs that the configuration may mean, with their weights."""
    missing: tuple[tuple[str, str, str], ...]
    """Tier, source and reason."""

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        return np.array([run.group for run in self.runs])

    @property
    def measured(self) -> Array:
        """Natural logarithm of the tokens per second of one accelerator."""
        return np.log([run.tokens_per_s for run in self.runs])

    @property
    def tiers(self) -> Labels:
        return np.array([run.tier for run in self.runs])

    @property
    def sources(self) -> Labels:
        return np.array([run.source for run in self.runs])

    @property
    def suites(self) -> Labels:
        return np.array([suite_of(run.source) for run in self.runs])

    @property
    def cells(self) -> Labels:
        """Source, model, accelerator and method: what one laboratory repeats with small changes."""
        return np.array(
            ["|".join(run.row[column] for column in ("source", "model", "accelerator", "method")) for run in self.runs]
        )


def suite_of(source: str) -> str:
    """Sources that run the same software on the same benchmark: all rounds of MLPerf, all of NVIDIA's repositories."""
    owner = source.partition("/")[0]
    return {"mlcommons": "MLPerf", "NVIDIA": "NVIDIA", "NVIDIA-NeMo": "NVIDIA"}.get(owner, source)


@lru_cache(maxsize=2)
def published_runs(tiers: Sequence[str] = ("A", "B")) -> PublishedRuns:
    """Successful runs of these tiers with a speed."""
    catalog = load_catalog()
    runs: list[PublishedRun] = []
    alternatives: list[Alternatives] = []
    missing: list[tuple[str, str, str]] = []
    group_of: dict[str, int] = {}
    with RUNS.open(encoding="utf-8", newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["throughput_tier"] in tiers and row["outcome"] == "ok"]
    for row in rows:
        if not row[FIGURE] or float(row[FIGURE]) <= 0:
            continue
        tier, source = row["throughput_tier"], row["source"]
        read = read_row(row, catalog)
        reason = read.unpredictable.get("throughput")
        if read.config is None or reason is not None:
            missing.append((tier, source, reason or "not a run"))
            continue
        key = read.config.model_copy(update={"framework_version": None}).config_hash
        if key not in group_of:
            try:
                known = tuple((one.weight, workload(one.config)) for one in expand(read.config)[0])
            except UnknownFieldError as error:
                missing.append((tier, source, str(error)))
                continue
            group_of[key] = len(alternatives)
            alternatives.append(known)
        runs.append(PublishedRun(row["id"], tier, source, read.config, group_of[key], float(row[FIGURE]), row))
    return PublishedRuns(tuple(runs), tuple(alternatives), tuple(missing))


def log_speed(known: Alternatives, constants: ThroughputConstants) -> float:
    """Logarithm of the speed, the mean over the runs that a configuration may mean."""
    found = 0.0
    for weight, run in known:
        step_s = step_time(run, constants).total_s
        found += weight * float(np.log(run.tokens_per_step / run.num_devices / step_s))
    return found


def log_speeds(published: PublishedRuns, constants: ThroughputConstants) -> Array:
    """By group."""
    return np.array([log_speed(known, constants) for known in published.alternatives])
