"""How sure a speed is: spreads measured on published runs that the constants had not seen."""

import csv
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from planner.estimator.hardware import for_each_run
from planner.estimator.step_time.efficiency import family_of
from planner.estimator.workload import Workload

SpeedKind = Literal["dense", "low_precision", "experts", "adapter", "cpu"]
Novelty = Literal["known", "new"]
"""known: this software, or another of a known class, on a family of accelerators that the constants have seen."""
Familiarity = tuple[str, str]


class SpreadRow(NamedTuple):
    """One row of throughput_spreads.csv."""

    kind: SpeedKind
    novelty: Novelty
    log_sd: float
    """Standard deviation of the logarithm of the speed."""
    rows: int


def speed_kind(run: Workload) -> SpeedKind:
    """What decides how well the formulas know a run; nothing that grows with its tokens, or more could end sooner."""
    if run.accelerator.kind == "cpu":
        return "cpu"
    if run.model.num_experts is not None:
        return "experts"
    if run.adapter_kind not in (None, "lora"):
        return "adapter"
    return "low_precision" if run.compute_dtype in ("fp8", "fp4") else "dense"


def familiarity(run: Workload) -> Familiarity:
    """Software and family of accelerators."""
    return (run.framework or "").lower(), family_of(run.accelerator.slug)


def novelty(run: Workload, seen: Collection[Familiarity]) -> Novelty:
    """How near the run is to those that the constants were fitted on."""
    own = familiarity(run)
    if own in seen or (run.software is not None and any(own[1] == family for _, family in seen)):
        return "known"
    return "new"


@cache
def spreads() -> dict[tuple[str, str], float]:
    """Standard deviations of the logarithm by kind and novelty."""
    text = (files("planner.estimator") / "throughput_spreads.csv").read_text(encoding="utf-8")
    return {(row["kind"], row["novelty"]): float(row["log_sd"]) for row in csv.DictReader(text.splitlines())}


@cache
def _seen() -> frozenset[Familiarity]:
    text = (files("planner.estimator") / "throughput_seen.csv").read_text(encoding="utf-8")
    return frozenset((row["framework"], row["family"]) for row in csv.DictReader(text.splitlines()))


@for_each_run
def speed_log_sd(run: Workload) -> float:
    """Standard deviation of the logarithm of a run's speed."""
    return spreads()[speed_kind(run), novelty(run, _seen())]
