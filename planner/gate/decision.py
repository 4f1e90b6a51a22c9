"""What the gate says."""

from datetime import datetime
from typing import Literal

from planner.domain import Frozen
from planner.domain.estimate import Estimate

Verdict = Literal["allow", "warn", "block"]
Rule = Literal["memory", "duration", "run_budget", "monthly_budget", "fleet", "price", "unknown_fields"]


class Reason(Frozen):
    """One broken rule: the number, the limit and a sentence for people."""

    rule: Rule
    verdict: Literal["warn", "block"]
    value: float | None
    limit: float | None
    message: str


class GateDecision(Frozen):
    """The verdict on one run, with the estimate it rests on."""

    decision_id: str
    decided_at: datetime
    name: str
    config_hash: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    way_out: tuple[str, ...]
    """Changes to the configuration, each enough by itself to lift the block."""
    estimate: Estimate
