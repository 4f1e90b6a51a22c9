"""What `estimate` and `gate` need: catalog, programme, calibration and remaining budget, read once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from planner.calibration.apply import apply
from planner.calibration.traits import traits_of
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.price_file import with_own_prices
from planner.cli.options import parse_as_of
from planner.config_files import load_programme, load_run
from planner.domain.calibration import Calibration
from planner.domain.estimate import Estimate
from planner.domain.programme import Budget, FleetPool, GatePolicy, Programme
from planner.domain.run_config import RunConfig
from planner.errors import ConfigError, UnknownFieldError
from planner.estimator.estimate_run import estimate_run
from planner.gate.decide import broken_rules, decide, verdict_of
from planner.gate.decision import GateDecision
from planner.gate.way_out import suggestions
from planner.settings import Settings, read_settings

DEFAULT_CONFIG = Path("foretune.yaml")


@dataclass(frozen=True)
class Session:
    """Everything read; its methods are pure but for ``load_run`` and ``log``."""

    catalog: Catalog
    programme: Programme | None
    settings: Settings
    now: datetime
    calibration: Calibration | None
    spent_usd_by_month: dict[date, float]

    def load_run(self, path: Path, overrides: tuple[str, ...]) -> RunConfig:
        """The run in a file, at the fleet's own price where the programme has one."""
        run = load_run(path, self.catalog, overrides)
        return self.programme.at_own_price(run) if self.programme else run

    def estimate(self, config: RunConfig, *, calibrated: bool = True) -> Estimate:
        """The estimate of a run, corrected by what was learnt from past runs."""
        estimate = estimate_run(config, self.catalog.prices, self.now.date())
        return apply(self.calibration, estimate, traits_of(config, None)) if calibrated else estimate

    def at(self, config_path: Path, as_of_text: str | None, version: str | None) -> "Session":
        """This session on a past day (with the calibration then in use), or with a version of the calibration."""
        from planner.cli.calibration_job import find_version, version_at

        moment = parse_as_of(as_of_text, self.programme.zone if self.programme else ZoneInfo("UTC"))
        chosen = find_version(config_path, version) if version else version_at(config_path, moment)
        return replace(self, now=moment, calibration=chosen)

    def decide(self, config: RunConfig) -> GateDecision:
        """The gate's decision; for a blocked run with changes that would lift the block."""
        policy, budget, fleet, remaining_month_usd = self._limits()

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

        return decide(
            config,
            self.estimate(config),
            decided_at=self.now,
            policy=policy,
            budget=budget,
            fleet=fleet,
            remaining_month_usd=remaining_month_usd,
            way_out=suggestions(config, is_blocked) if is_blocked(config) else (),
        )

    def _limits(self) -> tuple[GatePolicy, Budget, tuple[FleetPool, ...], float | None]:
        if self.programme is None:
            return GatePolicy(), Budget(), (), None
        budget = self.programme.budget
        month = self.now.astimezone(self.programme.zone).date().replace(day=1)
        spent_usd = self.spent_usd_by_month.get(month, 0.0)
        remaining = None if budget.monthly_usd is None else max(0.0, budget.monthly_usd - spent_usd)
        return self.programme.gate, budget, self.programme.fleet, remaining

    def log(self, decision: GateDecision) -> None:
        """Leave the decision where the next ingest finds it: a gate never waits for the warehouse."""
        from planner.warehouse.inbox import leave_in_inbox

        leave_in_inbox(self.settings.inbox_path, decision, decision.decision_id)


@contextmanager
def asked_for_in(path: Path) -> Iterator[None]:
    """A field that an estimate needs and the run does not state is asked for with the name of its file."""
    try:
        yield
    except UnknownFieldError as error:
        raise ConfigError(f"{path}: {error}. Set it there or with --set {error.field}=...") from error


def open_session(config_path: Path) -> Session:
    """Read catalogs, programme and snapshot; without ``foretune.yaml`` only the rule on memory holds."""
    catalog = load_catalog()
    programme = None
    if config_path != DEFAULT_CONFIG or config_path.exists():
        programme = load_programme(config_path, catalog)
        catalog = with_own_prices(catalog, programme.prices)
    settings = read_settings(os.environ, config_path)
    calibration, spent = _read_snapshot(settings.snapshot_path) if settings.snapshot_path.exists() else (None, {})
    return Session(catalog, programme, settings, datetime.now(UTC), calibration, spent)


def _read_snapshot(path: Path) -> tuple[Calibration | None, dict[date, float]]:
    from planner.warehouse.connection import open_snapshot
    from planner.warehouse.tables import read, read_table

    chosen = (
        "calibration_id = (select arg_max(calibration_id, (as_of, decided_by = 'command')) from promotions "
        "where action <> 'held')"
    )
    with open_snapshot(path) as db:
        calibrations = read(db, "calibrations", Calibration, chosen)
        spent = {row["month"]: row["list_cost_usd"] or 0.0 for row in read_table(db, "monthly_spend")}
    return (calibrations[0] if calibrations else None), spent
