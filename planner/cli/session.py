"""What `estimate` and `gate` need: catalog, programme, calibration and remaining budget, read once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from planner.calibration.apply import apply
from planner.calibration.groups import group_path
from planner.catalog.load import Catalog, load_catalog
from planner.config_files import load_programme, load_run
from planner.domain.calibration import Calibration
from planner.domain.estimate import Estimate
from planner.domain.programme import Budget, GatePolicy, Programme
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run
from planner.gate.decide import broken_rules, decide, verdict_of
from planner.gate.decision import GateDecision
from planner.gate.way_out import suggestions
from planner.settings import Settings
from planner.snapshot import Snapshot, read_snapshot


@dataclass(frozen=True)
class Session:
    """Everything read; its methods are pure but for ``log``."""

    catalog: Catalog
    programme: Programme | None
    settings: Settings
    now: datetime
    snapshot: Snapshot

    def load_run(self, path: Path, overrides: tuple[str, ...]) -> RunConfig:
        """The run in a file, at the fleet's own price where the programme has one."""
        run = load_run(path, self.catalog, overrides)
        return self.programme.at_own_price(run) if self.programme else run

    @property
    def calibration(self) -> Calibration | None:
        return self.snapshot.calibration

    def estimate(self, config: RunConfig, *, calibrated: bool = True) -> Estimate:
        """The estimate of a run, corrected by what was learnt from past runs."""
        estimate = estimate_run(config, self.catalog.prices, self.now.date())
        return apply(self.calibration, estimate, group_path(config, None)) if calibrated else estimate

    def decide(self, config: RunConfig) -> GateDecision:
        """The gate's decision; for a blocked run with changes that would lift the block."""
        programme = self.programme
        policy = programme.gate if programme else GatePolicy()
        budget = programme.budget if programme else Budget()
        fleet = programme.fleet if programme else ()
        remaining_month_usd = None
        if budget.monthly_usd is not None:
            remaining_month_usd = max(0.0, budget.monthly_usd - self.snapshot.spent_usd(self.now, budget_zone(programme)))

        def is_blocked(changed: RunConfig) -> bool:
            reasons = broken_rules(
                changed,
                self.estimate(changed),
                policy=policy,
                budget=budget,
                fleet=fleet,
                remaining_month_usd=remaining_month_usd,
            )
            return verdict_of(reasons) == "block"

        estimate = self.estimate(config)
        way_out = suggestions(config, is_blocked) if is_blocked(config) else ()
        return decide(
            config,
            estimate,
            decided_at=self.now,
            policy=policy,
            budget=budget,
            fleet=fleet,
            remaining_month_usd=remaining_month_usd,
            way_out=way_out,
        )

    def log(self, decision: GateDecision) -> None:
        """Leave the decision where the next ingest finds it: a gate never waits for the warehouse."""
        from planner.warehouse import leave_in_inbox

        leave_in_inbox(self.settings.inbox_path, decision, decision.decision_id)
