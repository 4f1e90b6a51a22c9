"""A team's programme, one ``foretune.yaml``: where its runs are, what it owns, what it plans, what it may spend."""

from datetime import datetime
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from planner.domain import Frozen
from planner.domain.accelerator import Cluster
from planner.domain.run_config import RunConfig


class HardwareRule(Frozen):
    """Hardware of runs that do not log it: the first rule whose pattern matches the experiment's name."""

    experiments: str = "*"
    """Shell pattern, e.g. ``tenant-*``."""
    cluster: Cluster


class Source(Frozen):
    """A tracking store to read."""

    tracking_uri: str = Field(min_length=1, max_length=2000)
    """As for MLflow: sqlite:///path, http(s)://host, databricks. Secrets belong into MLflow's environment variables."""
    experiments: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Shell patterns of experiment names."""
    artifacts: bool = False
    """Read what runs left among their artifacts too: configurations, ends of logs, sizes of all files."""
    hardware: tuple[HardwareRule, ...] = ()


class FleetPool(Frozen):
    """Accelerators that the team has or may rent."""

    name: str = Field(min_length=1)
    cluster: Cluster
    """Kind, count and price of the pool."""
    ownership: Literal["owned", "reserved", "on_demand", "spot"]


class PlannedUpdate(Frozen):
    """A model that is trained again and again."""

    name: str = Field(min_length=1, max_length=200)
    run: RunConfig
    """In YAML also the path of a RUN.yaml, from the programme's folder."""
    cadence: str
    """Cron expression in the programme's time zone, e.g. ``0 6 * * MON``."""
    runs_per_update: int = Field(default=1, gt=0, le=10_000)
    experiment: str | None = None
    """Shell pattern of the experiment that holds its past runs; None: the update's name."""
    dataset_growth_ratio_per_update: float = Field(default=0.0, ge=-0.5, le=1.0)
    keep_checkpoints_of_last_updates: int | None = Field(default=None, gt=0)
    """None: checkpoints are kept for ever."""

    @field_validator("run", mode="before", json_schema_input_type=RunConfig | str)
    @classmethod
    def _no_path_left(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(f"{value!r} is a path, and only a programme file has a folder to look it up in")
        return value

    @field_validator("cadence")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        from cronsim import CronSim, CronSimError

        try:
            if len(value.split()) != 5:
                raise CronSimError("Wrong number of fields")
            next(CronSim(value, datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))))
        except (CronSimError, StopIteration) as error:
            raise ValueError(
                f"{value!r:.100} is no cron expression (minute hour day month weekday): {error}"
            ) from error
        return value

    @property
    def experiment_pattern(self) -> str:
        return self.experiment or self.name


class Budget(Frozen):
    """What may be spent. None: no limit."""

    monthly_usd: float | None = Field(default=None, gt=0)
    per_run_usd: float | None = Field(default=None, gt=0)


class GatePolicy(Frozen):
    """Limits of the pre-run gate. None: not checked."""

    min_fits_probability: float = Field(default=0.9, ge=0, le=1)
    """Below it a run is blocked."""
    warn_fits_probability: float = Field(default=0.97, ge=0, le=1)
    max_duration_s: float | None = Field(default=None, gt=0)
    """A median above it blocks, a 90th percentile above it warns; the same holds for budgets."""
    require_fleet: bool = True
    """Block runs that ask for accelerators outside the fleet."""
    warn_on_unknown_fields: bool = True


class Programme(Frozen):
    """Everything foretune needs to know about a team; ``foretune init`` writes a commented one."""

    name: str = Field(min_length=1, max_length=200)
    time_zone: str = "UTC"
    """IANA name; weeks start on Monday 00:00 in it."""
    sources: tuple[Source, ...]
    """Empty where past runs come from tables alone (``foretune import-runs``)."""
    fleet: tuple[FleetPool, ...] = ()
    planned_updates: tuple[PlannedUpdate, ...] = ()
    budget: Budget = Budget()
    gate: GatePolicy = GatePolicy()
    prices: str | None = Field(default=None, min_length=1, max_length=2000)
    """A CSV file of your own prices, from the programme's folder; they go before those that foretune ships."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"unknown time zone {value!r}: use an IANA name such as Europe/Berlin or UTC")
        return value

    @model_validator(mode="after")
    def _unique_names(self) -> Self:
        for kind, names in (
            ("planned_updates", [u.name for u in self.planned_updates]),
            ("fleet", [p.name for p in self.fleet]),
        ):
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise ValueError(f"{kind}: the name {doubled[0]!r} is given twice")
        return self

    def at_own_price(self, run: RunConfig) -> RunConfig:
        """``run`` with the fleet's price and power for its accelerator, where it names none itself."""
        if run.cluster is None:
            return run
        cluster = run.cluster
        for pool in self.fleet:
            if pool.cluster.accelerator.slug != cluster.accelerator.slug:
                continue
            if cluster.usd_per_accelerator_hour is None and cluster.owned is None:
                price = {
                    "usd_per_accelerator_hour": pool.cluster.usd_per_accelerator_hour, "owned": pool.cluster.owned
                }  # fmt: skip
                cluster = cluster.model_copy(update=price)
            if cluster.power is None:
                cluster = cluster.model_copy(update={"power": pool.cluster.power})
        return run if cluster is run.cluster else run.model_copy(update={"cluster": cluster})

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
