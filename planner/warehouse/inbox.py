"""Decisions made while somebody else writes the warehouse: one JSON file each, landed by the next ingest."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from planner.domain import Frozen
from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse
from planner.warehouse.tables import Row, ensure_table, upsert

REJECTED = "rejected"


@dataclass(frozen=True)
class Collected:
    """What came out of an inbox."""

    num_landed: int
    rejected: dict[str, str]
    """Name of a file that was moved to ``rejected`` -> why."""


def leave_in_inbox(inbox: Path, decision: Frozen, name: str) -> Path:
    """Writes a decision as ``name.json``; the file appears whole or not at all."""
    path = inbox / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).lstrip('.')[:150] or 'decision'}.json"
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        inbox.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as file:
            file.write(decision.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise WarehouseError(
            f"cannot leave a decision in {inbox} ({error}): set FORETUNE_HOME to a folder you may write to"
        ) from error
    return path


def collect_inbox(
    db: Warehouse, inbox: Path, table: str, row_type: type[Row], key: tuple[str, ...], *, pattern: str = "*.json"
) -> Collected:
    """Lands the decisions in one transaction, then removes their files: a crash between both does no harm."""
    rows: list[Row] = []
    read_files: list[Path] = []
    rejected: dict[str, str] = {}
    for path in sorted(inbox.glob(pattern)) if inbox.is_dir() else []:
        if path.name.startswith("."):
            continue
        try:
            rows.append(row_type.model_validate_json(path.read_bytes()))
            read_files.append(path)
        except (ValidationError, OSError) as error:
            rejected[path.name] = _reason(error)
            _set_aside(path)
    ensure_table(db, table, row_type, key)
    upsert(db, table, rows, key)
    for path in read_files:
        path.unlink(missing_ok=True)
    return Collected(len(rows), rejected)


def read_inbox(inbox: Path, row_type: type[Row]) -> list[Row]:
    """Decisions that wait to be landed, those left out that cannot be read; nothing is changed."""
    found: list[Row] = []
    for path in sorted(inbox.glob("*.json")) if inbox.is_dir() else []:
        with suppress(ValidationError, OSError):
            found.append(row_type.model_validate_json(path.read_bytes()))
    return found


def _reason(error: ValidationError | OSError) -> str:
    if isinstance(error, OSError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"


def _set_aside(path: Path) -> None:
    folder = path.parent / REJECTED
    try:
        folder.mkdir(exist_ok=True)
        path.replace(folder / path.name)
    except OSError as error:
        raise WarehouseError(f"cannot move {path} to {folder} ({error}): remove it by hand") from error
