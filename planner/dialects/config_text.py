"""A configuration file among a run's artifacts, JSON or YAML, as params with dotted names."""

import json
from typing import Any

from planner.dialects.hf_model import flattened
from planner.dialects.params import Params

MAX_CHARACTERS = 500_000
MAX_YAML_CHARACTERS = 64 * 1024
"""Parsing takes a second for these; configurations have some thousands."""


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

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            return None
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
