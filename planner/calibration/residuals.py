"""Estimate against actual: one residual per run and resource."""

import math
from datetime import datetime
from typing import get_args

from planner.calibration.groups import group_path
from planner.domain import Frozen
from planner.domain.estimate import Estimate, Resource
from planner.domain.training_run import Actual, TrainingRun


class Residual(Frozen):
    """How far the physics was off for one resource of one run: ``log_ratio = ln(actual / estimate_p50)``."""

    run_id: str
    experiment: str
    resource: Resource
    ended_at: datetime
    groups: tuple[str, ...]
    """Nested groups, coarse to fine."""
    actual: float
    estimate_p10: float
    estimate_p50: float
    estimate_p90: float
    log_ratio: float


def measured(actual: Actual, resource: Resource) -> float | None:
    """What a run used of a resource, as estimates mean it: the steady speed, and all time outside training as start-up.

    Where no step was timed the speed is that of the whole loop; a start-up without a tail was not told apart from it.
    """
    found: float | None = getattr(actual, resource)
    if resource == "tokens_per_s_per_accelerator":
        return actual.steady_tokens_per_s_per_accelerator or found
    if resource == "start_up_s" and found is not None:
        return found + (actual.tail_s or 0.0)
    return found


def residuals_of(run: TrainingRun, estimate: Estimate) -> tuple[Residual, ...]:
    """Residuals of a finished run for every resource that was both estimated and measured; none for other runs."""
    if run.status != "FINISHED" or run.ended_at is None:
        return ()
    found = []
    for resource in get_args(Resource):
        actual = measured(run.actual, resource)
        expected = estimate.quantiles(resource)
        if actual is None or actual <= 0 or expected is None or expected.p50 <= 0:
            continue
        found.append(
            Residual(
                run_id=run.run_id,
                experiment=run.experiment,
                resource=resource,
                ended_at=run.ended_at,
                groups=group_path(run.config, run.experiment),
                actual=actual,
                estimate_p10=expected.p10,
                estimate_p50=expected.p50,
                estimate_p90=expected.p90,
                log_ratio=math.log(actual / expected.p50),
            )
        )
    return tuple(found)
