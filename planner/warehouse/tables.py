"""Tables whose columns come from a row type: created, upserted and read without writing the schema a second time."""

import json
import types
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import cache
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic_core import to_json

from planner.domain import Frozen
from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse

Row = TypeVar("Row", bound=Frozen)

SCALAR_TYPES = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", datetime: "TIMESTAMPTZ", date: "DATE"}
ROWS_PER_STATEMENT = 5000


class Column(NamedTuple):
    name: str
    sql_type: str
    nullable: bool


@cache
def columns_of(row_type: type[Frozen]) -> tuple[Column, ...]:
    """Columns for the fields of a type: scalars as themselves, everything nested as JSON."""
    found = []
    for name, field in row_type.model_fields.items():
        choices = (
            get_args(field.annotation)
            if get_origin(field.annotation) in (Union, types.UnionType)
            else (field.annotation,)
        )
        kinds = {_sql_type(choice) for choice in choices if choice is not type(None)}
        found.append(Column(name, kinds.pop() if len(kinds) == 1 else "JSON", type(None) in choices))
    return tuple(found)


def ensure_table(db: Warehouse, name: str, row_type: type[Frozen], key: tuple[str, ...]) -> None:
    """Creates the table for a row type, or adds the columns the type has gained since."""
    columns = columns_of(row_type)
    present = {
        row[0]: row[1]
        for row in db.execute(
            "select column_name, is_nullable from duckdb_columns() "
            "where database_name = current_database() and table_name = ?",
            (name,),
        )
    }
    if not present:
        lines = [f"{_quoted(c.name)} {c.sql_type}{'' if c.nullable else ' not null'}" for c in columns]
        db.execute(f"create table {name} ({', '.join(lines)}, primary key ({_listed(key)}))")
        return
    for column in columns:
        if column.name not in present:
            db.execute(f"alter table {name} add column {_quoted(column.name)} {column.sql_type}")
    for old, is_nullable in present.items():
        if old not in row_type.model_fields and not is_nullable:
            db.execute(f"alter table {name} alter column {_quoted(old)} drop not null")


def upsert(db: Warehouse, name: str, rows: Iterable[Row], key: tuple[str, ...]) -> int:
    """Inserts new rows and updates those that differ, in one transaction; the number of rows touched.

    Of several rows with one key the last one counts.
    """
    touched = 0
    with db.transaction():
        for batch in _in_batches(rows):
            latest = {tuple(getattr(row, part) for part in key): row for row in batch}
            touched += upsert_arrow(db, name, type(batch[0]), as_arrow(type(batch[0]), latest.values()), key)
    return touched


def upsert_arrow(db: Warehouse, name: str, row_type: type[Frozen], batch: Any, key: tuple[str, ...]) -> int:
    """The same for an Arrow table made by ``as_arrow``, in which no key comes twice."""
    columns = columns_of(row_type)
    names = _listed(c.name for c in columns)
    others = [_quoted(c.name) for c in columns if c.name not in key]
    changes = ", ".join(f"{column} = excluded.{column}" for column in others)
    differs = " or ".join(f"{name}.{column} is distinct from excluded.{column}" for column in others)
    action = f"do update set {changes} where {differs}" if others else "do nothing"
    return db.insert(
        f"insert into {name} ({names}) select {names} from batch on conflict ({_listed(key)}) {action}", batch
    )


def replace_all(
    db: Warehouse, name: str, rows: Sequence[Row], key: tuple[str, ...], where: str = "", params: Sequence[Any] = ()
) -> int:
    """Makes the table, or its part ``where``, hold exactly these rows; only those that differ are touched.

    The number of rows touched.
    """
    with db.transaction():
        touched = upsert(db, name, rows, key)
        keep = {tuple(getattr(row, part) for part in key) for row in rows}
        for values in db.execute(f"select {_listed(key)} from {name}{f' where {where}' if where else ''}", params):
            if values not in keep:
                condition = " and ".join(f"{_quoted(part)} = ?" for part in key)
                db.execute(f"delete from {name} where {condition}", values)
                touched += 1
    return touched


def read(db: Warehouse, relation: str, row_type: type[Row], where: str = "", params: Sequence[Any] = ()) -> list[Row]:
    """Rows of a table or mart as their type. ``where`` is our own SQL; values come in through ``params``."""
    columns = columns_of(row_type)
    names = _listed(c.name for c in columns)
    nested = [c.name for c in columns if c.sql_type == "JSON"]
    found = _ask(db, f"select {names} from {relation}{f' where {where}' if where else ''}", params)
    for row in found:
        for column in nested:
            row[column] = None if row[column] is None else json.loads(row[column])
    return [row_type.model_validate(row) for row in found]


def read_table(db: Warehouse, relation: str, where: str = "", params: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows of a table or mart by column name; JSON columns stay text."""
    return _ask(db, f"select * from {relation}{f' where {where}' if where else ''}", params)


def _ask(db: Warehouse, query: str, params: Sequence[Any]) -> list[dict[str, Any]]:
    import duckdb

    try:
        return db.rows(query, params)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise WarehouseError(
            f"{db.path} lacks what this foretune reads ({' '.join(str(error).split())[:300]}): run `foretune weekly`"
        ) from error


def _quoted(name: str) -> str:
    return f'"{name}"'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _sql_type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        kinds = {type(value) for value in get_args(annotation)}
        return SCALAR_TYPES.get(kinds.pop(), "JSON") if len(kinds) == 1 else "JSON"
    return SCALAR_TYPES.get(annotation, "JSON")


def _in_batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_PER_STATEMENT)):
        yield batch


def as_arrow(row_type: type[Frozen], rows: Iterable[Frozen]) -> Any:
    """Rows of a type as an Arrow table."""
    import pyarrow as pa

    columns = columns_of(row_type)
    arrow_types = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
        "DATE": pa.date32(),
        "JSON": pa.string(),
    }
    nested = {c.name for c in columns if c.sql_type == "JSON"}
    values: dict[str, list[Any]] = {c.name: [] for c in columns}
    for row in rows:
        for name, column in values.items():
            value = getattr(row, name)
            column.append(to_json(value).decode() if name in nested and value is not None else value)
    return pa.table({c.name: pa.array(values[c.name], type=arrow_types[c.sql_type]) for c in columns})
