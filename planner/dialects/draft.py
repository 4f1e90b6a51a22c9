"""A training run being put together: each value is checked alone, so that a strange one costs only its field."""

from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from planner.catalog.load import Catalog
from planner.domain import Frozen
from planner.domain.lora import Lora
from planner.domain.parallelism import Parallelism
from planner.domain.run_config import Checkpoints, RunConfig
from planner.domain.training_run import Actual, Failure, Origin, OriginKind
from planner.errors import PlannerError

NESTED: dict[str, type[Frozen]] = {"lora": Lora, "parallelism": Parallelism, "checkpoints": Checkpoints}
CONFIG_FIELDS = tuple(name for name in RunConfig.model_fields if name != "name")

PAIRED = ("dpo", "reward")
OF_THE_RUN = ("failure", "target", "resumed_from")
"""Fields of a training run that belong neither to its configuration nor to what it used."""

MAY_BE_UNKNOWN = {name for name, field in RunConfig.model_fields.items() if type(None) in get_args(field.annotation)}


class Draft:
    """Values and their origins by field: ``seq_len``, ``lora.rank``, ``cluster``, ``actual.tokens``."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.origins: dict[str, Origin] = {}
        self._values: dict[str, Any] = {}
        self.devices: tuple[int, str] | None = None
        """How many accelerators a framework says that it used, and where it says so."""

    def get(self, field: str) -> Any:
        """The value of a field; None where it is not known."""
        return self._values.get(field)

    def put(self, field: str, value: Any, kind: OriginKind, rule: str) -> None:
        """Sets a field; None, or a value that its type refuses, leaves a known value alone and otherwise says why."""
        if value is None:
            self.unknown(field, rule)
            return
        try:
            self._values[field] = _checked(field, value, self.catalog)
        except (ValidationError, PlannerError) as error:
            self.unknown(field, f"{rule}: {str(value)[:80]!r} is not usable ({_first_reason(error)})")
            return
        self.origins[field] = Origin(kind=kind, rule=rule)

    def offer(self, field: str, value: Any, kind: OriginKind, rule: str) -> None:
        """Sets a field that is not known yet; None changes nothing."""
        if value is not None and field not in self._values:
            self.put(field, value, kind, rule)

    def drop(self, field: str, reason: str) -> None:
        """Forgets the value of a field that something better known contradicts."""
        self._values.pop(field, None)
        self.unknown(field, reason)

    def unknown(self, field: str, looked_for: str) -> None:
        """Notes what was looked for, unless the field is known already."""
        if field not in self._values:
            self.origins[field] = Origin(kind="unknown", rule=looked_for)

    @property
    def sequences_per_sample(self) -> int:
        """Two where pairs are learnt from: trainers count a pair as one sample, ``seq_len`` is that of one sequence."""
        return 2 if self._values.get("objective") in PAIRED else 1

    def config(self, name: str) -> RunConfig:
        """The configuration; raises ``ValidationError`` where its fields contradict each other."""
        given: dict[str, Any] = {
            field: self._values.get(field)
            for field in CONFIG_FIELDS
            if field in self._values or field in MAY_BE_UNKNOWN
        }
        for owner, kind in NESTED.items():
            parts = {
                field.partition(".")[2]: value for field, value in self._values.items() if field.startswith(f"{owner}.")
            }
            if owner == "parallelism":
                parts.setdefault("zero_stage", None)
            given[owner] = kind.model_validate(parts) if parts or owner != "lora" else None
        return RunConfig.model_validate({"name": name, **given}, context={"catalog": self.catalog})

    def actual(self) -> Actual:
        prefix = "actual."
        return Actual(
            **{field[len(prefix) :]: value for field, value in self._values.items() if field.startswith(prefix)}
        )


def _checked(field: str, value: Any, catalog: Catalog) -> Any:
    """The value as the type of its field takes it."""
    owner, _, part = field.partition(".")
    if field == "failure":
        return TypeAdapter(Failure).validate_python(value)
    if field in OF_THE_RUN:
        return str(value)[:500]
    if owner == "actual":
        return getattr(Actual.model_validate({part: value}), part)
    if owner in NESTED:
        return getattr(NESTED[owner].model_validate({part: value}), part)
    return getattr(RunConfig.model_validate({field: value}, context={"catalog": catalog}), field)


def _first_reason(error: ValidationError | PlannerError) -> str:
    return (
        error.errors(include_url=False, include_input=False)[0]["msg"][:200]
        if isinstance(error, ValidationError)
        else str(error)[:200]
    )
