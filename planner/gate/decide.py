"""One run's verdict: every rule is asked, every broken one is a reason."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from planner.domain.estimate import Estimate
from planner.domain.programme import Budget, FleetPool, GatePolicy
from planner.domain.run_config import RunConfig
from planner.gate import rules
from planner.gate.decision import GateDecision, Reason, Verdict


def broken_rules(
    config: RunConfig,
    estimate: Estimate,
    *,
    policy: GatePolicy,
    budget: Budget,
    fleet: Sequence[FleetPool],
    remaining_month_usd: float | None,
) -> tuple[Reason, ...]:
    """All reasons against a run, blocking ones first."""
    limited = budget.per_run_usd is not None or remaining_month_usd is not None
    found = (
        *rules.memory(estimate, policy),
        *rules.duration(estimate, policy),
        *rules.run_budget(estimate, budget.per_run_usd),
        *rules.monthly_budget(estimate, remaining_month_usd),
        *rules.fleet(config, fleet, policy),
        *rules.price(estimate, limited),
        *rules.unknown_fields(estimate, policy),
    )
    return tuple(sorted(found, key=lambda reason: reason.verdict != "block"))


def verdict_of(reasons: Sequence[Reason]) -> Verdict:
    """The strictest of the reasons' verdicts; allow without any."""
    verdicts = {reason.verdict for reason in reasons}
    return "block" if "block" in verdicts else "warn" if "warn" in verdicts else "allow"


def decide(
    config: RunConfig,
    estimate: Estimate,
    *,
    decided_at: datetime,
    policy: GatePolicy,
    budget: Budget,
    fleet: Sequence[FleetPool],
    remaining_month_usd: float | None,
    way_out: Sequence[str] = (),
) -> GateDecision:
    """The gate's decision on a run, from its (calibrated) estimate and what is left of the month's budget in USD."""
    reasons = broken_rules(
        config, estimate, policy=policy, budget=budget, fleet=fleet, remaining_month_usd=remaining_month_usd
    )
    key = f"{config.config_hash} {config.name} {decided_at.isoformat()}"
    return GateDecision(
        decision_id=hashlib.sha256(key.encode()).hexdigest()[:16],
        decided_at=decided_at,
        name=config.name,
        config_hash=config.config_hash,
        verdict=verdict_of(reasons),
        reasons=reasons,
        way_out=tuple(way_out),
        estimate=estimate,
    )
