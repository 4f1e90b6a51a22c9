"""Made-up histories for benchmarks/drift.py: in control, and with one thing that moves."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from planner.calibration.residuals import Residual
from planner.drift.factors import FactorKind, RunFactors

START = datetime(2026, 1, 5, tzinfo=UTC)
NOISE = 0.15
"""SD of one run's log ratio."""
ACCELERATORS = ("a100-80gb", "h100-80gb", "l40s-48gb")
KINDS: tuple[FactorKind, ...] = (
    "software version",
    "driver",
    "accelerator",
    "programme",
    "dataset length",
    "price",
    "cadence",
)


def residual(run: str, experiment: str, accelerator: str, ended_at: datetime, log_ratio: float) -> Residual:
    names = (f"accelerator={accelerator}", "method=lora", "model=m", f"experiment={experiment}")
    return Residual(
        run_id=run,
        experiment=experiment,
        resource="duration_s",
        ended_at=ended_at,
        groups=("all", *(", ".join(names[: depth + 1]) for depth in range(4))),
        actual=100 * math.exp(log_ratio),
        estimate_p10=70,
        estimate_p50=100,
        estimate_p90=140,
        log_ratio=log_ratio,
    )


def in_control(num_groups: int, num_runs: int, effect_sd: float, seed: int) -> list[Residual]:
    """Groups of weekly runs; each is an accelerator of its own with one experiment."""
    rng = np.random.default_rng(seed)
    effects = rng.normal(0, effect_sd, num_groups)
    return [
        residual(
            f"{group}-{number}",
            f"experiment-{group}",
            f"accelerator-{group}",
            START + timedelta(weeks=number, minutes=group),
            float(effects[group] + rng.normal(0, NOISE)),
        )
        for group in range(num_groups)
        for number in range(num_runs)
    ]


class Shifted(NamedTuple):
    residuals: list[Residual]
    factors: list[RunFactors]
    affected: set[str]
    """Runs that the shift is in."""


def one_thing_moves(moved: FactorKind, seed: int, size_sd: float = 1.5) -> Shifted:
    """Ten programmes that run twice a week on three accelerators; one thing moves for good and shifts its runs.

    Besides that two more things change, each at another time and without any effect.
    """
    rng = np.random.default_rng(seed)
    programmes = [f"programme-{number}" for number in range(10)]
    home = {name: [ACCELERATORS[index % 3], ACCELERATORS[(index + 1) % 3]] for index, name in enumerate(programmes)}
    changes: dict[FactorKind, float] = {moved: 32.0 + float(rng.uniform(0, 4))}
    others = [kind for kind in KINDS if kind != moved and kind not in ("accelerator", "programme")]
    for kind in rng.permutation(np.array(others))[:2]:
        changes[str(kind)] = float(rng.uniform(12, 26))  # type: ignore[index]
    chosen = {kind: str(programmes[int(rng.integers(10))]) for kind in KINDS}
    device = ACCELERATORS[int(rng.integers(3))]
    early = set(rng.permutation(np.array(programmes))[:6].tolist())
    """Programmes that take new software; the rest stay behind."""
    effects = {name: rng.normal(0, 0.3) for name in programmes}
    lengths = {name: float(np.exp(rng.normal(6.5, 0.5))) for name in programmes}
    residuals: list[Residual] = []
    factors: list[RunFactors] = []
    affected: set[str] = set()
    for name in programmes:
        week, number = float(rng.uniform(0, 0.5)), 0
        while week < 52:
            accelerator = home[name][number % 2]
            since = {kind: week >= change for kind, change in changes.items()}
            own = {kind: since.get(kind, False) and chosen[kind] == name for kind in KINDS}
            level = {
                "software version": since.get("software version", False) and name in early,
                "driver": since.get("driver", False) and accelerator == device,
                "accelerator": since.get("accelerator", False) and accelerator == device,
                "programme": own["programme"],
                "dataset length": own["dataset length"],
                "price": since.get("price", False) and accelerator == device,
                "cadence": own["cadence"],
            }
            run_id, started_at = f"{name}-{number:03d}", START + timedelta(weeks=week)
            shift = size_sd * NOISE if level[moved] else 0.0
            if level[moved]:
                affected.add(run_id)
            ratio = effects[name] + shift + rng.normal(0, NOISE)
            residuals.append(residual(run_id, name, accelerator, started_at + timedelta(hours=2), float(ratio)))
            factors.append(
                RunFactors(
                    run_id=run_id,
                    experiment=name,
                    started_at=started_at,
                    framework="trl",
                    framework_version="1.2" if level["software version"] else "1.1",
                    accelerator=accelerator,
                    model="m",
                    method="lora",
                    tokens_per_sample=lengths[name]
                    * (2.0 if level["dataset length"] else 1.0)
                    * rng.uniform(0.97, 1.03),
                    usd_per_accelerator_hour=(1.5 + ACCELERATORS.index(accelerator)) * (1.2 if level["price"] else 1.0),
                    versions={"driver_version": "570.1" if level["driver"] else "550.2"},
                )
            )
            week += (0.25 if level["cadence"] else 0.5) * float(rng.uniform(0.9, 1.1))
            number += 1
    return Shifted(residuals, factors, affected)


def known_at(residuals: Sequence[Residual], weeks: float) -> list[Residual]:
    """What had ended so many weeks after the start."""
    return [one for one in residuals if one.ended_at < START + timedelta(weeks=weeks)]
