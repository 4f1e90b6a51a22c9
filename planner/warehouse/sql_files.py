"""Finds and reads the SQL that ships with foretune."""

from pathlib import Path

from planner.errors import PlannerError


def sql_folder() -> Path:
    """The folder ``sql``: inside the package where foretune is installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "migrations").is_dir():
            return folder
    raise PlannerError(f"foretune is installed without its SQL files (looked in {package / 'sql'}): install it again")


def sql_files(folder: Path) -> list[tuple[str, str]]:
    """(name, text) of each file, in alphabetical order: the name of a file is the name of its relation."""
    return [(file.stem, file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.sql"))]
