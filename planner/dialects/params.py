"""Reads logged params: texts in which trainers wrote Python values."""

import ast
import json
import math
import re
from collections.abc import Mapping
from typing import Any

ABSENT = frozenset({"", "none", "null", "nan"})
LONGEST_NESTED_TEXT = 8000


class Params:
    """Params of a run by name; a value that cannot be read as asked for is absent.

    ``a.b`` is found as a param of that name or inside the text of a dictionary called ``a``.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._dotted: dict[str, dict[str, Any]] | None = None
        """Values of dotted names by what stands before the first dot."""

    def __contains__(self, name: str) -> bool:
        return self.text(name) is not None

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is None and "." in name:
            owner, _, inner = name.partition(".")
            found = self.nested(owner).get(inner)
            value = None if found is None else str(found)
        return None if value is None or value.strip().lower() in ABSENT else value.strip()

    def number(self, name: str) -> float | None:
        try:
            value = float(self.text(name) or "nan")
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def integer(self, name: str) -> int | None:
        value = self.number(name)
        return int(value) if value is not None and value == int(value) else None

    def flag(self, name: str) -> bool | None:
        return {"true": True, "1": True, "false": False, "0": False}.get((self.text(name) or "").lower())

    def nested(self, name: str) -> dict[str, Any]:
        """A dictionary that was logged as text (Python or JSON) or as dotted params; empty where there is none."""
        dotted = self._below(name)
        text = self._values.get(name, "").strip()
        if not text.startswith("{") or len(text) > LONGEST_NESTED_TEXT:
            return dotted
        return {**_dictionary(text), **dotted}

    def _below(self, name: str) -> dict[str, Any]:
        if self._dotted is None:
            self._dotted = {}
            for key, value in self._values.items():
                owner, dot, inner = key.partition(".")
                if dot:
                    self._dotted.setdefault(owner, {})[inner] = value
        owner, _, rest = name.partition(".")
        found = self._dotted.get(owner, {})
        return (
            {key[len(rest) + 1 :]: value for key, value in found.items() if key.startswith(f"{rest}.")}
            if rest
            else dict(found)
        )

    def words(self, name: str) -> tuple[str, ...]:
        """A list that was logged as text, or words apart from each other by blanks, commas or plus signs."""
        text = self.text(name) or ""
        return tuple(re.split(r"[^\w.\-]+", text.strip("[](){}'\" "))) if text else ()


def _dictionary(text: str) -> dict[str, Any]:
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        if isinstance(found, dict):
            return {str(key): value for key, value in found.items()}
    return {}
