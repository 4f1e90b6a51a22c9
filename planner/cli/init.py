"""foretune init: a commented programme file."""

from importlib.resources import files
from pathlib import Path

import click

from planner.errors import ConfigError


@click.command(
    name="init",
    short_help="Write a commented foretune.yaml and run.yaml.",
    epilog="\b\nExample:\n  foretune init && $EDITOR foretune.yaml && foretune weekly",
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def command(folder: Path) -> None:
    """Write a commented foretune.yaml and an example run.yaml into FOLDER (default: here)."""
    templates = {
        name: (files("planner.cli") / "templates" / name).read_text(encoding="utf-8")
        for name in ("foretune.yaml", "run.yaml")
    }
    present = [str(folder / name) for name in templates if (folder / name).exists()]
    if present:
        raise ConfigError(f"{', '.join(present)} exists already: move it away or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in templates.items():
            (folder / name).write_text(text, encoding="utf-8")
            click.echo(f"wrote {folder / name}")
    except OSError as error:
        raise ConfigError(f"cannot write into {folder} ({error}): choose another folder") from error
    click.echo("Next: put your tracking URI under sources, then run `foretune weekly`.")
