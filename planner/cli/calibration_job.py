"""Reads and chooses versions of the calibration for the command line."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from planner.calibration.versions import Promotion, decision_in_force, in_use, previous
from planner.domain.calibration import Calibration
from planner.errors import ConfigError
from planner.settings import read_settings
from planner.warehouse.connection import connect, open_snapshot
from planner.warehouse.registry import ensure_tables, store
from planner.warehouse.snapshot import publish
from planner.warehouse.tables import read, read_table


def versions(config_path: Path) -> list[dict[str, Any]]:
    """Every decision on a version, the newest first, with what the version learnt from."""
    with open_snapshot(read_settings(os.environ, config_path).snapshot_path) as db:
        promotions = read(db, "promotions", Promotion)
        columns = "calibration_id, num_runs, fitted_through, data_fingerprint, method, prior"
        learnt = {row["calibration_id"]: row for row in db.rows(f"select {columns} from calibrations")}
    in_force = decision_in_force(promotions)
    rows = [
        {**one.model_dump(), **learnt[one.calibration_id], "is_in_use": one is in_force}
        for one in promotions
        if one.calibration_id in learnt
    ]
    return sorted(rows, key=lambda row: (row["as_of"], row["calibration_id"]), reverse=True)


def find_version(config_path: Path, version: str | None) -> Calibration:
    """The version whose id starts so; the one in use where none is given."""
    with open_snapshot(read_settings(os.environ, config_path).snapshot_path) as db:
        ids = [one for (one,) in db.execute("select calibration_id from calibrations order by as_of")]
        chosen = _one_of(ids, version) if version else in_use(read(db, "promotions", Promotion))
        if chosen is None:
            raise ConfigError("no calibration is in use yet: run `foretune weekly`")
        return read(db, "calibrations", Calibration, "calibration_id = ?", (chosen,))[0]


def version_at(config_path: Path, moment: datetime) -> Calibration | None:
    """The version that estimates used at a moment, a weekly run of that very moment included; None before the first."""
    with open_snapshot(read_settings(os.environ, config_path).snapshot_path) as db:
        chosen = in_use(read(db, "promotions", Promotion), moment + datetime.resolution)
        return read(db, "calibrations", Calibration, "calibration_id = ?", (chosen,))[0] if chosen else None


def cadences(config_path: Path, as_of: datetime | None) -> list[dict[str, Any]]:
    """How often updates happen as it was learnt last (up to ``as_of``)."""
    with open_snapshot(read_settings(os.environ, config_path).snapshot_path) as db:
        newest = "as_of = (select max(as_of) from cadences where as_of <= ?)"
        rows = read_table(db, "cadences", newest, (as_of or datetime.now(UTC),))
    return sorted(rows, key=lambda row: (row["planned_updates"] is None, row["programme"]))


def decide_version(config_path: Path, version: str | None, action: Literal["promoted", "rolled back"]) -> str:
    """Makes a version (the one before the present, without) the one in use; a sentence that says so."""
    settings = read_settings(os.environ, config_path)
    if not settings.warehouse_path.exists():
        raise ConfigError(f"{settings.warehouse_path} is not there: run `foretune weekly` first")
    with connect(settings.warehouse_path) as db:
        ensure_tables(db)
        promotions = read(db, "promotions", Promotion)
        present = in_use(promotions)
        ids = [one for (one,) in db.execute("select calibration_id from calibrations order by as_of")]
        chosen = _one_of(ids, version) if version else previous(promotions)
        if chosen is None:
            raise ConfigError("no version was in use before the present one: `foretune calibration list` shows all")
        decision = Promotion(
            as_of=datetime.now(UTC),
            calibration_id=chosen,
            action=action,
            decided_by="command",
            champion_id=present,
            reasons=(f"by command, instead of {present}",),
        )
        store(db, "promotions", [decision])
        publish(db, settings.snapshot_path)
    return f"calibration {chosen} is in use, instead of {present}"


def _one_of(ids: list[str], version: str) -> str:
    found = [one for one in ids if one.startswith(version)]
    if len(found) != 1:
        known = ", ".join(ids[-5:]) or "none"
        state = "several versions start" if found else "no version starts"
        raise ConfigError(f"{state} with {version!r}: the newest are {known}")
    return found[0]
