"""Rows of the table ``cadences``."""

from datetime import datetime

from planner.calibration.cadence import Cadence
from planner.domain import Frozen


class CadenceOfUpdate(Frozen):
    """How often a planned update, or an experiment that nobody planned, really happened up to ``as_of``.

    Quantiles are of what is expected from now on: own updates and those of the other programmes, or priors.
    """

    as_of: datetime
    programme: str
    planned_updates: int | None
    skipped_updates: int | None = None
    extra_updates: int | None = None
    finished_updates: int
    attempts: int
    planned_per_week: float | None = None
    updates_per_week_p10: float | None = None
    updates_per_week_p50: float | None = None
    updates_per_week_p90: float | None = None
    updates_per_planned: float | None
    """Updates that are expected for one planned; None without a plan."""
    skip_probability_p10: float | None = None
    skip_probability_p50: float | None = None
    skip_probability_p90: float | None = None
    extra_updates_ratio_p10: float | None = None
    extra_updates_ratio_p50: float | None = None
    extra_updates_ratio_p90: float | None = None
    attempts_per_finished_p10: float | None = None
    attempts_per_finished_p50: float | None = None
    attempts_per_finished_p90: float | None = None
    slip_s_p10: float | None = None
    """None without a plan, as the other slips."""
    slip_s_p50: float | None = None
    slip_s_p90: float | None = None
    dataset_growth_ratio_p10: float | None = None
    """From one update to the next."""
    dataset_growth_ratio_p50: float | None = None
    dataset_growth_ratio_p90: float | None = None


def cadence_row(cadence: Cadence, as_of: datetime) -> CadenceOfUpdate:
    """The cadence of a programme as a row; what only a plan gives sense to is None without one."""
    has_plan = cadence.planned_updates is not None
    quantiles = {
        "updates_per_week": cadence.updates_per_week.quantiles,
        "skip_probability": cadence.skip_probability.quantiles if has_plan else None,
        "extra_updates_ratio": cadence.extra_updates_ratio.quantiles if has_plan else None,
        "slip_s": cadence.slip_s if has_plan else None,
        "attempts_per_finished": cadence.attempts_per_finished_update,
        "dataset_growth_ratio": cadence.dataset_growth_ratio_per_update,
    }
    return CadenceOfUpdate.model_validate(
        {
            "as_of": as_of,
            "programme": cadence.name,
            "planned_updates": cadence.planned_updates,
            "skipped_updates": cadence.skipped_updates,
            "extra_updates": cadence.extra_updates,
            "finished_updates": cadence.finished_updates,
            "attempts": cadence.attempts,
            "planned_per_week": cadence.planned_per_week,
            "updates_per_planned": cadence.updates_per_planned_ratio if has_plan else None,
            **{
                f"{name}_{level}": getattr(found, level)
                for name, found in quantiles.items()
                if found is not None
                for level in ("p10", "p50", "p90")
            },
        }
    )
