"""A configuration file among a run's artifacts, JSON or YAML, as params with dotted names."""

import json
from collections.abc import Iterable
from typing import Any

from planner.dialects.hf_model import flattened
from planner.dialects.params import Params

MAX_CHARACTERS = 500_000
MAX_YAML_CHARACTERS = 64 * 1024
"""Configurations have some thousands."""
MAX_DEPTH = 64
"""Beyond, a YAML parser takes time by the square of the depth."""


def read_config_text(text: str) -> Params | None:
    """None where it is no dictionary, too long, or makes use of YAML's aliases (they can blow up)."""
    content = _parsed(text) if len(text) <= MAX_CHARACTERS else None
    return Params(flattened(content)) if isinstance(content, dict) else None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if len(text) > MAX_YAML_CHARACTERS:
        return None
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, loader) if _is_plain(yaml.parse(text, loader)) else None  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _is_plain(events: Iterable[Any]) -> bool:
    """Whether YAML's events use no alias and nest no deeper than a configuration does."""
    depth = 0
    for event in events:
        name = type(event).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        if name == "AliasEvent" or depth > MAX_DEPTH:
            return False
    return True
