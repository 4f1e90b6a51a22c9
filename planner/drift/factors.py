"""What may have moved: the recorded circumstances of each run, as levels that can be compared before and after."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Literal

from pydantic import Field

from planner.domain import Frozen
from planner.units import DAY_S

FactorKind = Literal[
    "software version", "driver", "accelerator", "programme", "model", "method", "dataset length", "price", "cadence"
]
NUMERIC: dict[FactorKind, float] = {"dataset length": 1.15, "price": 1.05, "cadence": 1.5}
"""By kind, from which factor on a run counts as higher or lower than its programme's earlier runs."""
GAPS_TOGETHER = 3
"""A cadence is the median of so many times between runs."""


class RunFactors(Frozen):
    """The circumstances of one run; None and absent mean unknown."""

    run_id: str
    experiment: str
    started_at: datetime | None = None
    framework: str | None = None
    framework_version: str | None = None
    accelerator: str | None = None
    model: str | None = None
    method: str | None = None
    tokens_per_sample: float | None = Field(default=None, gt=0)
    usd_per_accelerator_hour: float | None = Field(default=None, ge=0)
    versions: dict[str, str] = Field(default_factory=dict)
    """Parameters and tags of the run whose name tells a version or a driver."""


class Factor(Frozen):
    """One thing that may have moved, with the level of each run where it is known."""

    kind: FactorKind
    name: str
    levels: dict[str, str]
    """By run. Of a number: ``higher``, ``lower`` or ``usual`` against the programme's runs before the change."""
    numbers: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Of a number by run: itself and what was usual before."""


def factors_before_and_after(runs: Sequence[RunFactors], change_at: datetime) -> tuple[Factor, ...]:
    """All recorded factors of these runs; numbers are compared with runs that started before the change."""
    ordered = sorted(runs, key=lambda run: (_start_s(run), run.run_id))
    return (
        *_named(ordered),
        *_versions(ordered),
        _numeric(
            "dataset length",
            "tokens per sample",
            ordered,
            {run.run_id: run.tokens_per_sample for run in ordered},
            change_at,
        ),
        _numeric(
            "price",
            "USD per accelerator-hour",
            ordered,
            {run.run_id: run.usd_per_accelerator_hour for run in ordered},
            change_at,
        ),
        _numeric("cadence", "days between runs", ordered, _gaps_days(ordered), change_at),
    )


def _start_s(run: RunFactors) -> float:
    return run.started_at.timestamp() if run.started_at else -math.inf


def _named(runs: Sequence[RunFactors]) -> list[Factor]:
    kinds: dict[FactorKind, dict[str, str | None]] = {
        "accelerator": {run.run_id: run.accelerator for run in runs},
        "programme": {run.run_id: run.experiment for run in runs},
        "model": {run.run_id: run.model for run in runs},
        "method": {run.run_id: run.method for run in runs},
    }
    return [_factor(kind, kind, levels) for kind, levels in kinds.items()]


def _versions(runs: Sequence[RunFactors]) -> list[Factor]:
    names = sorted({name for run in runs for name in run.versions})
    found = [
        _factor(
            "software version",
            "framework version",
            {
                run.run_id: " ".join(filter(None, (run.framework, run.framework_version)))
                for run in runs
                if run.framework_version
            },
        )
    ]
    for name in names:
        kind: FactorKind = "driver" if any(word in name.lower() for word in ("driver", "cuda")) else "software version"
        found.append(_factor(kind, name, {run.run_id: run.versions.get(name) for run in runs}))
    return found


def _factor(kind: FactorKind, name: str, levels: Mapping[str, str | None]) -> Factor:
    known = {run_id: level for run_id, level in levels.items() if level}
    return Factor(kind=kind, name=name, levels=known)


def _numeric(
    kind: FactorKind,
    name: str,
    runs: Sequence[RunFactors],
    values: Mapping[str, float | None],
    change_at: datetime,
) -> Factor:
    """Runs as higher, lower or usual against the median of their programme's earlier runs on the same accelerator."""
    before: dict[tuple[str, str | None], list[float]] = {}
    for run in runs:
        value = values.get(run.run_id)
        if value and _start_s(run) < change_at.timestamp():
            before.setdefault((run.experiment, run.accelerator), []).append(value)
    usual = {programme: median(earlier) for programme, earlier in before.items()}
    levels: dict[str, str] = {}
    numbers: dict[str, tuple[float, float]] = {}
    for run in runs:
        value, expected = values.get(run.run_id), usual.get((run.experiment, run.accelerator))
        if value and expected:
            ratio = value / expected
            levels[run.run_id] = (
                "higher" if ratio > NUMERIC[kind] else "lower" if ratio < 1 / NUMERIC[kind] else "usual"
            )
            numbers[run.run_id] = (value, expected)
    return Factor(kind=kind, name=name, levels=levels, numbers=numbers)


def _gaps_days(runs: Sequence[RunFactors]) -> dict[str, float | None]:
    """Median of the times between a programme's runs from the one before this run on, by run."""
    starts: dict[str, list[tuple[str, float]]] = {}
    for run in runs:
        if run.started_at is not None:
            starts.setdefault(run.experiment, []).append((run.run_id, run.started_at.timestamp() / DAY_S))
    found: dict[str, float | None] = {}
    for own in starts.values():
        gaps = [later - earlier for (_, earlier), (_, later) in pairwise(own)]
        for place, (run_id, _) in enumerate(own[1:]):
            found[run_id] = median(gaps[place : place + GAPS_TOGETHER])
    return found
