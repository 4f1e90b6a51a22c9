"""What a row of a run table measured. Nothing that predicts imports this module."""

import math
from collections.abc import Mapping

from planner.domain.training_run import Actual
from planner.units import GIB

MEMORY_COLUMNS = {
    "peak_allocated_bytes": "peak_allocated_gib",
    "peak_reserved_bytes": "peak_reserved_gib",
    "peak_device_bytes": "peak_device_gib",
}
SPEED_COLUMNS = {"tokens_per_s_per_accelerator": "tokens_per_s_per_accel"}
TIMES_AND_SIZES = {"step_time_s": "step_time_s", "train_s": "total_time_s", "checkpoint_bytes": "checkpoint_bytes"}
TIERS = {**dict.fromkeys(MEMORY_COLUMNS, "memory_tier"), **dict.fromkeys(SPEED_COLUMNS, "throughput_tier")}
LEAST_TIER = "c"
"""Figures of this tier are loose bounds: nothing is learnt from them."""
MOST = 1e18
NOT_MEASURED = ("claimed", "expected")


def read_figures(row: Mapping[str, str]) -> Actual:
    """The figures of a row, in base units; a cell that is no positive finite number is no figure.

    A checkpoint's size that the table computed from others (``derived_fields``) is none either.
    """
    found = {field: _figure(row, column, GIB) for field, column in MEMORY_COLUMNS.items()}
    found |= {field: _figure(row, column) for field, column in (SPEED_COLUMNS | TIMES_AND_SIZES).items()}
    if "checkpoint_bytes<-" in _word(row, "derived_fields"):
        found["checkpoint_bytes"] = None
    return Actual.model_validate(found | {"steps": _steps(row)})


def read_evidence(row: Mapping[str, str]) -> Actual:
    """Peaks and speed that something can be learnt from: of runs that ended well, measured, and not of tier C.

    A table without the columns ``outcome``, ``evidence`` and tiers holds nothing but measurements.
    """
    if _word(row, "outcome") not in ("", "ok") or evidence_problem(row) is not None:
        return Actual()
    figures = read_figures(row)
    kept = {field: getattr(figures, field) for field, tier in TIERS.items() if _word(row, tier) != LEAST_TIER}
    return Actual(**kept)


def evidence_problem(row: Mapping[str, str]) -> str | None:
    """Why the figures of a row are no measurements; None where they are."""
    word = _word(row, "evidence")
    return f"evidence is {word}: its figures are not measured" if word in NOT_MEASURED else None


def ran_out_of_memory(row: Mapping[str, str]) -> bool | None:
    """Whether the run died for want of memory; None where the row does not tell."""
    return {"oom": True, "ok": False}.get(_word(row, "outcome"))


def _steps(row: Mapping[str, str]) -> int | None:
    """Optimizer steps of the whole run, where stated."""
    steps = _figure(row, "total_steps")
    return int(steps) if steps is not None and steps == int(steps) else None


def _word(row: Mapping[str, str], column: str) -> str:
    return str(row.get(column) or "").strip().lower()


def _figure(row: Mapping[str, str], column: str, unit: float = 1.0) -> float | None:
    try:
        value = float(_word(row, column)) * unit
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 < value < MOST else None
