"""Rows of the published snapshot."""

import os
from pathlib import Path
from typing import Any

from planner.settings import read_settings
from planner.warehouse.connection import open_snapshot
from planner.warehouse.tables import read_table


def read_published(config_path: Path, mart: str) -> list[dict[str, Any]]:
    """All rows of a mart as the last weekly run published them."""
    with open_snapshot(read_settings(os.environ, config_path).snapshot_path) as db:
        return read_table(db, mart)
