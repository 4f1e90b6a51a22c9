"""Names in YAML become catalog entries while a type is validated: the caller passes the catalog as context."""

from typing import Any

from pydantic import ValidationInfo


def look_up(kind: str, value: Any, info: ValidationInfo) -> Any:
    """The catalog entry called ``value``, or ``value`` itself where it is no name.

    The validation context must hold ``{"catalog": catalog}`` with a method ``find(kind, name)``.
    """
    if not isinstance(value, str):
        return value
    catalog = (info.context or {}).get("catalog")
    if catalog is None:
        raise ValueError(f"{kind} {value!r} is a name, and no catalog was given to look it up")
    return catalog.find(kind, value)
