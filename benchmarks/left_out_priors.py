"""What the physics says of published runs when its constants never saw their cell, or their suite, kept between runs.

The fits take minutes; what they find is kept in the system's temporary folder until code, constants or table change.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import fit_memory, fit_throughput, published_memory, published_throughput
from benchmarks.published_memory import Array, Row
from planner.domain.run_config import RunConfig

ESTIMATOR = Path(__file__).parents[1] / "planner" / "estimator"
MEMORY_FIGURES = ("allocated", "reserved", "device")


class LeftOutRun(NamedTuple):
    """One published run and how far the physics was off for it: ln(actual / estimate)."""

    id: str
    source: str
    cell: str
    group: str
    """Family of the accelerator and method."""
    config_json: str
    config_hash: str
    """Equal for runs that differ in software versions alone."""
    log_ratio: float


def speeds(way: str) -> list[LeftOutRun]:
    """Tokens per second of tier A; ``way`` is ``cells`` or ``suites``: what was left out of the constants."""
    published = published_throughput.published_runs()

    def fitted() -> Array:
        full = fit_throughput.stored_fit(published)
        if way == "cells":
            return fit_throughput.left_out(published, published.cells, full, folds=fit_throughput.FOLDS)
        return fit_throughput.left_out(published, published.suites, full, folds=None)

    missing = published.measured - _kept(f"speeds-{way}", fitted)
    return [
        _run(run.row, cell, run.config, float(ratio))
        for run, cell, ratio in zip(published.runs, published.cells, missing, strict=True)
        if run.tier == "A" and np.isfinite(ratio)
    ]


def peaks(way: str, figure: str) -> list[LeftOutRun]:
    """Peak memory of tier A by one definition; ``way`` is ``cells`` or ``sources``."""
    published = published_memory.published_runs()

    def fitted() -> Array:
        full = fit_memory.fit(published, np.ones(len(published.runs), dtype=bool))
        if way == "cells":
            return fit_memory.left_out(published, published.cells, full, folds=fit_memory.FOLDS)
        return fit_memory.left_out(published, published.sources, full, folds=None)

    missing = (published.measured - _kept(f"peaks-{way}", fitted))[:, MEMORY_FIGURES.index(figure)]
    return [
        _run(run.row, cell, run.config, float(ratio))
        for run, cell, ratio in zip(published.runs, published.cells, missing, strict=True)
        if np.isfinite(ratio)
    ]


def _run(row: Row, cell: str, config: RunConfig, log_ratio: float) -> LeftOutRun:
    group = f"{row['accelerator'].partition('-')[0]}, {row['method']}"
    same = config.model_copy(update={"framework_version": None}).config_hash
    return LeftOutRun(row["id"], row["source"], cell, group, config.model_dump_json(), same, log_ratio)


def _kept(name: str, fitted: Callable[[], Array]) -> Array:
    """What ``fitted`` finds, from the last time where nothing has changed since."""
    told = hashlib.sha256(published_memory.RUNS.read_bytes())
    code = [*ESTIMATOR.rglob("*.py"), *ESTIMATOR.rglob("*.csv"), *Path(__file__).parent.glob("fit_*.py")]
    for path in sorted(code):
        told.update(path.read_bytes())
    place = Path(tempfile.gettempdir()) / f"foretune-{name}-{told.hexdigest()[:16]}.npy"
    if place.exists():
        return np.asarray(np.load(place), dtype=np.float64)
    found = fitted()
    np.save(place, found)
    return found
