"""Where foretune keeps its own files: read from the environment once, then passed on as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "FORETUNE_HOME"


@dataclass(frozen=True)
class Settings:
    """Folders and files of one installation."""

    home: Path

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def snapshot_path(self) -> Path:
        """The published copy that the gate, dashboards and readers open."""
        return self.home / "snapshot.duckdb"

    @property
    def inbox_path(self) -> Path:
        """Where gates leave their decisions until the next ingest."""
        return self.home / "inbox"

    @property
    def report_path(self) -> Path:
        return self.home / "report.html"


def read_settings(environment: Mapping[str, str], programme_file: Path | None = None) -> Settings:
    """Settings from environment variables; without ``FORETUNE_HOME`` the folder ``.foretune`` beside ``foretune.yaml``.

    >>> read_settings({}, Path("team/foretune.yaml")).warehouse_path.as_posix()
    'team/.foretune/warehouse.duckdb'
    """
    given = environment.get(HOME_VARIABLE, "").strip()
    if given:
        return Settings(home=Path(given).expanduser())
    return Settings(home=(programme_file.parent if programme_file else Path()) / ".foretune")
