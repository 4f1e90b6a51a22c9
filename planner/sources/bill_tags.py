"""The tags of a charge, in the spellings that clouds give them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_TAGS_CHARS = 100_000
PREFIXES = ("user:", "user_", "resourcetags/user:", "label:", "labels/", "tag:")
"""What clouds put before a key that a user chose."""


def find_tag(tags: Any, keys: Sequence[str]) -> tuple[str, str] | None:
    """Key and value of the first of ``keys`` that is there, whatever its case and prefix; None for tags without any.

    >>> find_tag('{"user:Run_ID": "a1"}', ["run_id"])
    ('run_id', 'a1')
    >>> find_tag('"team": "chat","run_id": "b2"', ["run_id", "team"])
    ('run_id', 'b2')
    >>> find_tag([("team", "c3")], ["run_id", "team"])
    ('team', 'c3')
    """
    values = {_plain(name): str(value).strip() for name, value in _pairs(tags) if value is not None}
    return next(((key, value) for key in keys if (value := values.get(_plain(key)))), None)


def _pairs(tags: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(tags, str):
        tags = _parsed(tags)
    if isinstance(tags, Mapping):
        return [(str(name), value) for name, value in tags.items()]
    if isinstance(tags, list | tuple):
        return [pair for entry in tags if (pair := _pair(entry)) is not None]
    return ()


def _pair(entry: Any) -> tuple[str, Any] | None:
    if isinstance(entry, Mapping):
        plain = {str(name).lower(): value for name, value in entry.items()}
        return (str(plain["key"]), plain.get("value")) if plain.get("key") is not None else None
    if isinstance(entry, list | tuple) and len(entry) == 2:
        return str(entry[0]), entry[1]
    return None


def _parsed(text: str) -> Any:
    """Azure writes some tags without the braces around them."""
    text = text.strip()
    if not text or len(text) > MAX_TAGS_CHARS:
        return None
    try:
        return json.loads(text if text[0] in "{[" else f"{{{text}}}")
    except (ValueError, RecursionError):
        return None


def _plain(key: str) -> str:
    lowered = key.strip().lower()
    for prefix in PREFIXES:
        lowered = lowered.removeprefix(prefix)
    return lowered
