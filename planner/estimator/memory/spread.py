"""How sure memory figures are: spreads measured on published runs that the constants had not seen."""

import csv
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from planner.estimator.hardware import for_each_run
from planner.estimator.workload import Workload

Figure = Literal["allocated", "reserved", "device"]


class SpreadRow(NamedTuple):
    """One row of memory_spreads.csv."""

    figure: str
    lengths: str
    """equal, longest_first or random: the allocator's cache follows the lengths of the batches."""
    is_familiar: bool
    """Software and accelerator were among those that the constants were fitted on."""
    log_sd: float
    rows: int


class Spreads(NamedTuple):
    """Standard deviations of the logarithm."""

    allocated: float
    reserved: float
    device: float


def lengths_kind(run: Workload) -> str:
    if run.has_equal_lengths:
        return "equal"
    return "longest_first" if run.length_order == "longest_first" else "random"


def familiarity(run: Workload) -> tuple[str, str]:
    """What decides how well a run is known: its software and its accelerator."""
    return run.framework or "", run.accelerator.slug


@cache
def _spreads() -> dict[tuple[str, str, bool], float]:
    text = (files("planner.estimator") / "memory_spreads.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(row["figure"], row["lengths"], row["is_familiar"] == "1"): float(row["log_sd"]) for row in rows}


@cache
def _seen() -> frozenset[tuple[str, str]]:
    text = (files("planner.estimator") / "memory_seen.csv").read_text(encoding="utf-8")
    return frozenset((row["framework"], row["accelerator"]) for row in csv.DictReader(text.splitlines()))


@for_each_run
def memory_spreads(run: Workload) -> Spreads:
    """Spreads of a run's three figures. A CPU has no cache: its figures are as sure as allocated memory."""
    is_familiar, kind, table = familiarity(run) in _seen(), lengths_kind(run), _spreads()
    allocated = table["allocated", kind, is_familiar]
    if run.accelerator.kind == "cpu":
        return Spreads(allocated, allocated, allocated)
    return Spreads(allocated, table["reserved", kind, is_familiar], table["device", kind, is_familiar])
