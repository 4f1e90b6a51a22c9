"""Where foretune keeps its own files: read from the environment once, then passed on as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from planner.errors import PlannerError, WarehouseError

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
    def drift_inbox_path(self) -> Path:
        """Where decisions about drifts wait for the next drift tracking."""
        return self.inbox_path / "drift"

    @property
    def report_path(self) -> Path:
        return self.home / "report.html"

    def write_report(self, page: str, day: date) -> Path:
        """Keep the report of a day; the file appears whole or not at all."""
        path = self.home / "reports" / f"{day.isoformat()}.html"
        _write_whole(path, page)
        return path

    def make_newest(self, report: Path) -> Path:
        """The report that is current, under a name that does not change."""
        _write_whole(self.report_path, report.read_text(encoding="utf-8"))
        return self.report_path


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise WarehouseError(f"cannot write {path} ({error}): check the folder and its free space") from error


def shipped_folder(name: str) -> Path:
    """A folder that ships with foretune (sql, dashboards, examples): inside the package, or beside it in a checkout."""
    package = Path(__file__).parent
    for folder in (package / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise PlannerError(f"foretune is installed without its folder {name!r} (looked in {package}): install it again")


def read_settings(environment: Mapping[str, str], programme_file: Path | None = None) -> Settings:
    """Settings from environment variables; without ``FORETUNE_HOME`` the folder ``.foretune`` beside ``foretune.yaml``.

    >>> read_settings({}, Path("team/foretune.yaml")).warehouse_path.as_posix()
    'team/.foretune/warehouse.duckdb'
    """
    given = environment.get(HOME_VARIABLE, "").strip()
    if given:
        try:
            return Settings(home=Path(given).expanduser())
        except RuntimeError as error:
            raise WarehouseError(f"{HOME_VARIABLE}={given}: {error} Write the whole path") from error
    return Settings(home=(programme_file.parent if programme_file else Path()) / ".foretune")
