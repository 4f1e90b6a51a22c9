"""A configuration file among a run's artifacts, JSON or YAML, as params with dotted names."""

import json
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
    depth = 0
    try:
        for event in yaml.parse(text, loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
                return None
        return yaml.load(text, loader)  # noqa: S506 (a SafeLoader, in C where there is one)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
