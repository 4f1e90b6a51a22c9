"""Options that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from planner.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """``--config``: the programme file."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        default=Path("foretune.yaml"),
        show_default=True,
        help="The programme file; its folder also holds .foretune, unless FORETUNE_HOME says otherwise.",
    )(function)


def set_option(function: F) -> F:
    """``--set``: override a key of RUN.yaml."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change a key of the file, as in --set micro_batch_size=2 --set cluster.count=4.",
    )(function)


def json_option(function: F) -> F:
    """``--json``: machine-readable output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text.")(function)


def as_of_option(function: F) -> F:
    """``--as-of``: replay a past day."""
    return click.option(
        "--as-of",
        "as_of_text",
        metavar="DATE",
        default=None,
        help="Act as on that day (YYYY-MM-DD, 00:00 in the programme's time zone) and use nothing later. Default: now.",
    )(function)


def parse_as_of(text: str | None, zone: ZoneInfo) -> datetime:
    """The moment meant by ``--as-of``, in UTC; now where nothing is given."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--as-of {text!r}: write a date as YYYY-MM-DD, for example 2026-11-23") from error
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    if local > datetime.now(UTC):
        raise ConfigError(f"--as-of {text!r} lies in the future: a replay looks back")
    return local.astimezone(UTC)
