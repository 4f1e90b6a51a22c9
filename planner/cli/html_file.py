"""Writes the page that an option asks for."""

from pathlib import Path

from planner.errors import ConfigError


def write_html(path: Path, html: str, option: str) -> None:
    """Writes the page; a ``ConfigError`` names ``option`` where it cannot be written."""
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{option} {path}: cannot be written ({error}): choose another file") from error
