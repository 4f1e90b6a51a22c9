"""How sure a speed is: spreads measured on published runs that the constants had not seen."""

import csv
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from planner.estimator.step_time.efficiency import family_of
from planner.estimator.workload import Workload

SpeedKind = Literal["dense", "experts", "adapter", "cpu"]


class SpreadRow(NamedTuple):
    """One row of throughput_spreads.csv."""

    kind: str
    is_familiar: bool
    """Software and family of accelerators were together among what the constants were fitted on."""
    log_sd: float
    """Standard deviation of the logarithm of the speed."""
    rows: int


def speed_kind(run: Workload) -> SpeedKind:
    """What decides how well the formulas know a run."""
    if run.accelerator.kind == "cpu":
        return "cpu"
    if run.model.num_experts is not None:
        return "experts"
    return "dense" if run.adapter_kind in (None, "lora") else "adapter"


def familiarity(run: Workload) -> tuple[str, str]:
    """Software and family of accelerators."""
    return (run.framework or "").lower(), family_of(run.accelerator.slug)


@cache
def _spreads() -> dict[tuple[str, bool], float]:
    text = (files("planner.estimator") / "throughput_spreads.csv").read_text(encoding="utf-8")
    return {(row["kind"], row["is_familiar"] == "1"): float(row["log_sd"]) for row in csv.DictReader(text.splitlines())}


@cache
def _seen() -> frozenset[tuple[str, str]]:
    text = (files("planner.estimator") / "throughput_seen.csv").read_text(encoding="utf-8")
    return frozenset((row["framework"], row["family"]) for row in csv.DictReader(text.splitlines()))


def speed_log_sd(run: Workload) -> float:
    """Standard deviation of the logarithm of a run's speed."""
    return _spreads()[speed_kind(run), familiarity(run) in _seen()]
