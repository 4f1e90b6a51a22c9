"""Which version of a calibration is used: a new one only where it predicts better, and never a poisoned one."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import numpy as np

from planner.calibration.apply import apply
from planner.calibration.backtest import Prediction, pinball_log, predicted, rolling_origin
from planner.calibration.compare import Case
from planner.calibration.observed import Observed
from planner.calibration.plausible import suspicions
from planner.domain import Frozen
from planner.domain.calibration import Calibration
from planner.domain.estimate import Resource

MIN_NEW_RUNS = 5
"""Fewer new runs cannot tell which of two versions is better."""
MAX_REFITS = 6
"""On the new runs: after a step it takes some of them to show that what was learnt from them is better."""


class VersionScore(Frozen):
    """Loss of two versions on the runs that neither had seen: mean pinball loss of ln(actual) at .1, .5 and .9."""

    resource: Resource
    num_runs: int
    champion_loss: float
    challenger_loss: float


class Promotion(Frozen):
    """A decision on one version: append-only."""

    as_of: datetime
    calibration_id: str
    action: Literal["promoted", "held", "rolled back"]
    decided_by: Literal["weekly", "command"]
    champion_id: str | None
    """The version in use before."""
    reasons: tuple[str, ...]
    scores: tuple[VersionScore, ...] = ()


def in_use(promotions: Iterable[Promotion], before: datetime | None = None) -> str | None:
    """Id of the version that is used (or was, just before a moment); None where none was promoted yet."""
    decision = decision_in_force(promotions, before)
    return decision.calibration_id if decision else None


def decision_in_force(promotions: Iterable[Promotion], before: datetime | None = None) -> Promotion | None:
    """The decision that says which version is used."""
    used = _in_order(promotions, before)
    return used[-1] if used else None


def previous(promotions: Iterable[Promotion]) -> str | None:
    """Id of the version that was in use before the present one; None where there was none.

    A version that was rolled back from is not gone back to.
    """
    stack: list[str] = []
    for promotion in _in_order(promotions, None):
        if promotion.action == "rolled back" and promotion.calibration_id in stack:
            del stack[stack.index(promotion.calibration_id) + 1 :]
        elif not stack or stack[-1] != promotion.calibration_id:
            stack.append(promotion.calibration_id)
    return stack[-2] if len(stack) > 1 else None


def _in_order(promotions: Iterable[Promotion], before: datetime | None) -> list[Promotion]:
    valid = [one for one in promotions if one.action != "held" and (before is None or one.as_of < before)]
    return sorted(valid, key=lambda one: (one.as_of, one.decided_by == "command", one.calibration_id))


def judge(
    challenger: Calibration,
    champion: Calibration | None,
    cases: Sequence[Case],
    *,
    bounds: Sequence[Observed] = (),
) -> Promotion:
    """Whether the new version is promoted; ``cases`` are the runs that ended before it was made.

    It is held where the runs it learnt from are implausible, where too few are new, and where on the new runs the
    version in use predicts better than the new one's way of learning would have, each run from earlier ones alone.
    """
    since = champion.fitted_through if champion else None
    doubts = suspicions(cases, since)
    new = [case for case in cases if since is None or case.asked_at >= since]
    scores: tuple[VersionScore, ...] = ()
    reasons: tuple[str, ...]
    action: Literal["promoted", "held"] = "held"
    if doubts:
        reasons = (*doubts, f"use it all the same with `foretune calibration promote {challenger.calibration_id}`")
    elif champion is None or not champion.num_runs:
        action, reasons = "promoted", ("the first version that has runs" if challenger.num_runs else "no runs yet",)
    elif champion.data_fingerprint == challenger.data_fingerprint and champion.method == challenger.method:
        reasons = ("the same runs as the version in use",)
    elif len(new) < MIN_NEW_RUNS:
        reasons = (f"{len(new)} new runs since the version in use: {MIN_NEW_RUNS} are needed to compare",)
    else:
        told = rolling_origin(cases, prior=challenger.prior, max_refits=MAX_REFITS, bounds=bounds, since=since)
        old = [row for case in new for row in predicted(case, apply(champion, case.estimate, case.who))]
        scores = _scores(old, told)
        before, after = (
            float(np.mean([getattr(s, side) for s in scores])) for side in ("champion_loss", "challenger_loss")
        )
        better = after <= before
        action = "promoted" if better else "held"
        verb = "below" if better else "not below"
        reasons = (f"mean loss on {len(new)} new runs {after:.4f}, {verb} {before:.4f} of the version in use",)
    return Promotion(
        as_of=challenger.as_of,
        calibration_id=challenger.calibration_id,
        action=action,
        decided_by="weekly",
        champion_id=champion.calibration_id if champion else None,
        reasons=reasons,
        scores=scores,
    )


def _scores(old: Iterable[Prediction], new: Iterable[Prediction]) -> tuple[VersionScore, ...]:
    losses: dict[Resource, tuple[list[float], list[float]]] = {}
    for side, rows in enumerate((old, new)):
        for row in rows:
            losses.setdefault(row.resource, ([], []))[side].append(pinball_log(row.actual, row.p10, row.p50, row.p90))
    return tuple(
        VersionScore(
            resource=resource,
            num_runs=len(losses[resource][1]),
            champion_loss=float(np.mean(losses[resource][0])),
            challenger_loss=float(np.mean(losses[resource][1])),
        )
        for resource in sorted(losses)
        if all(losses[resource])
    )
