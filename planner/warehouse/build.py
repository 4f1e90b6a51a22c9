"""Builds everything that follows from the tables: staging and intermediate views, marts as tables, checks."""

from datetime import datetime
from typing import Any

from planner.domain.raw_batch import RAW_COLUMNS
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import ensure_tables
from planner.warehouse.sql_files import sql_files, sql_folder

VIEW_FOLDERS = ("staging", "intermediate")
"""In this order, then marts: a file reads only from tables and from folders before its own."""

BUILT = "built from sql/"
RAW_OF_RUNS = (*RAW_COLUMNS, "raw_artifacts")


def build(db: Warehouse, *, time_zone: str, as_of: datetime) -> None:
    """Builds all relations anew; marts show what was known at ``as_of``, their weeks start in ``time_zone`` (IANA)."""
    build_views(db)
    with db.transaction():
        db.execute("set variable time_zone = ?", (time_zone,))
        db.execute("set variable as_of = ?::timestamptz", (as_of,))
        _drop_built(db, "table")
        _create(db, "marts", "table")


def build_views(db: Warehouse) -> None:
    """The views alone: what reading facts needs before training runs are known."""
    with db.transaction():
        ensure_tables(db)
        _drop_built(db, "view")
        for folder in VIEW_FOLDERS:
            _create(db, folder, "view")


def over_wanted_runs(view: str) -> str:
    """The query of a view over the runs in the table ``wanted_runs(source, run_id)`` alone.

    A filter on the view itself would come after it has put together all runs.
    """
    parts = {table: f"from main.{table} semi join wanted_runs using (source, run_id)" for table in RAW_OF_RUNS}
    parts |= {name: text for folder in VIEW_FOLDERS for name, text in sql_files(sql_folder() / folder)}
    return f"with {', '.join(f'{name} as ({text})' for name, text in parts.items())} select * from {view}"


def run_checks(db: Warehouse) -> dict[str, list[dict[str, Any]]]:
    """Offending rows by name of the check; empty where all is well."""
    found = {name: db.rows(text) for name, text in sql_files(sql_folder() / "checks")}
    return {name: rows for name, rows in found.items() if rows}


def broken_rules(db: Warehouse) -> list[str]:
    """What the checks found, a line each."""
    return [f"{name}: {len(rows)} rows, the first is {rows[0]}" for name, rows in run_checks(db).items()]


def _create(db: Warehouse, folder: str, kind: str) -> None:
    for name, text in sql_files(sql_folder() / folder):
        db.execute(f"create {kind} {name} as {text}")
        db.execute(f"comment on {kind} {name} is '{BUILT}{folder}/{name}.sql'")


def _drop_built(db: Warehouse, kind: str) -> None:
    """Drops what an earlier build made, relations whose file is gone included."""
    query = (
        f"select {kind}_name from duckdb_{kind}s() where database_name = current_database() and starts_with(comment, ?)"
    )
    for (name,) in db.execute(query, (BUILT,)):
        db.execute(f"drop {kind} {name}")
