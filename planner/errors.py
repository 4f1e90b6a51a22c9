"""Everything foretune raises on purpose.

::

    PlannerError                exit code 1
    └── InputError              exit code 2: what was given cannot be used
        ├── ConfigError         a YAML file or a --set value
        ├── UnknownNameError    a model, accelerator or region that no catalog holds
        ├── UnknownFieldError   an estimate needs a field that is not known
        ├── MissingPriceError   nothing in the price book fits
        ├── StoreError          an MLflow store that is missing, unreadable or of another version
        │   └── StoreUnreachableError   a server that does not answer: it may pass
        ├── BillError           a cloud bill that is no FOCUS export, or in another currency than USD
        ├── WarehouseError      a warehouse that is locked, missing or of another version
        └── MissingExtraError   a library of an extra that is not installed

Catch ``InputError`` to tell a user's mistake from ours. A message names the value, where it came from and what to do.
A run that does not fit is no error: it is a ``GateDecision``.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class PlannerError(Exception):
    exit_code = 1


class InputError(PlannerError):
    exit_code = 2


class ConfigError(InputError):
    pass


class UnknownNameError(InputError):
    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], hint: str) -> "UnknownNameError":
        """The error for ``name``, with the nearest of the ``known`` names."""
        names = sorted(known)
        near = get_close_matches(name.lower(), names, n=4, cutoff=0.5)
        more = ", ..." if len(names) > 8 else ""
        suggestion = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(names[:8])}{more}"
        return cls(f"unknown {kind} {name!r:.200}: {suggestion} {hint}")


class UnknownFieldError(InputError):
    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} is not known, and the estimate needs it: {why}")
        self.field = field


class MissingPriceError(InputError):
    pass


class StoreError(InputError):
    pass


class StoreUnreachableError(StoreError):
    pass


class BillError(InputError):
    pass


class WarehouseError(InputError):
    pass


class MissingExtraError(InputError):
    pass
