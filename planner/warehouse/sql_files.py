"""Finds and reads the SQL that ships with foretune."""

from pathlib import Path

from planner.settings import shipped_folder


def sql_folder() -> Path:
    """The folder ``sql``."""
    return shipped_folder("sql")


def sql_files(folder: Path) -> list[tuple[str, str]]:
    """(name, text) of each file, in alphabetical order: the name of a file is the name of its relation."""
    return [(file.stem, file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.sql"))]
