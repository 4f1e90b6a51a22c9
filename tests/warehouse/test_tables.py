from datetime import UTC, date, datetime
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.domain import Frozen
from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import TABLES
from planner.warehouse.tables import Column, columns_of, ensure_table, read, read_table, replace_all, upsert


class Inner(Frozen):
    size_bytes: float | None = None
    words: tuple[str, ...] = ()


class Thing(Frozen):
    key: str
    group: int
    ratio: float | None
    good: bool
    kind: Literal["a", "b"]
    stage: Literal[0, 1, 2] | None
    at: datetime
    day: date | None
    inner: Inner
    maybe: Inner | None
    tags: dict[str, float]


KEY = ("key", "group")


def thing(key: str = "x", **given: object) -> Thing:
    values = {
        "key": key, "group": 1, "ratio": 0.5, "good": True, "kind": "a", "stage": None,
        "at": datetime(2026, 11, 24, 3, 4, 5, 678901, tzinfo=UTC), "day": date(2026, 1, 2),
        "inner": {"size_bytes": 3.0, "words": ["it's", "🦙"]}, "maybe": None, "tags": {"z": 1.0},
    }  # fmt: skip
    return Thing.model_validate({**values, **given})


def test_columns_follow_from_the_type() -> None:
    assert columns_of(Thing) == (
        Column("key", "VARCHAR", False), Column("group", "BIGINT", False), Column("ratio", "DOUBLE", True),
        Column("good", "BOOLEAN", False), Column("kind", "VARCHAR", False), Column("stage", "BIGINT", True),
        Column("at", "TIMESTAMPTZ", False), Column("day", "DATE", True), Column("inner", "JSON", False),
        Column("maybe", "JSON", True), Column("tags", "JSON", False),
    )  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_registered_table_has_the_columns_of_its_type(db: Warehouse, name: str) -> None:
    row_type, key = TABLES[name]
    ensure_table(db, name, row_type, key)
    described = {row["column_name"]: (row["column_type"], row["null"]) for row in db.rows(f"describe {name}")}
    names = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    assert described == {
        c.name: (names.get(c.sql_type, c.sql_type), "YES" if c.nullable else "NO") for c in columns_of(row_type)
    }


def test_rows_come_back_as_they_went_in(db: Warehouse) -> None:
    ensure_table(db, "things", Thing, KEY)
    rows = [thing("x"), thing("y", maybe={"size_bytes": None}, ratio=None, day=None, stage=2)]
    assert upsert(db, "things", rows, KEY) == 2
    assert sorted(read(db, "things", Thing), key=lambda t: t.key) == rows
    assert read(db, "things", Thing, "key = ?", ("y",)) == rows[1:]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    words=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4),
    ratio=st.floats(allow_nan=False, allow_infinity=False),
)
def test_no_text_or_number_is_changed_on_the_way(db: Warehouse, words: list[str], ratio: float) -> None:
    ensure_table(db, "things", Thing, KEY)
    row = thing("k", ratio=ratio, inner={"words": words})
    upsert(db, "things", [row], KEY)
    assert read(db, "things", Thing) == [row]


def test_an_upsert_touches_only_what_differs(db: Warehouse) -> None:
    ensure_table(db, "things", Thing, KEY)
    upsert(db, "things", [thing("x"), thing("y")], KEY)
    assert upsert(db, "things", [thing("x"), thing("y", good=False), thing("z")], KEY) == 2
    assert [t.good for t in read(db, "things", Thing, "true order by key")] == [True, False, True]


def test_of_two_rows_with_one_key_the_last_counts(db: Warehouse) -> None:
    ensure_table(db, "things", Thing, KEY)
    upsert(db, "things", [thing("x", ratio=1.0), thing("x", ratio=2.0)], KEY)
    assert [t.ratio for t in read(db, "things", Thing)] == [2.0]


def test_replacing_all_removes_what_is_not_given(db: Warehouse) -> None:
    ensure_table(db, "things", Thing, KEY)
    upsert(db, "things", [thing("x"), thing("y")], KEY)
    assert replace_all(db, "things", [thing("y"), thing("z")], KEY) == 2
    assert [t.key for t in read(db, "things", Thing, "true order by key")] == ["y", "z"]
    assert replace_all(db, "things", [], KEY) == 2


def test_a_type_that_gained_and_lost_fields_keeps_its_rows(db: Warehouse) -> None:
    class Before(Frozen):
        key: str
        old: int

    class After(Frozen):
        key: str
        new: float | None = None

    ensure_table(db, "evolving", Before, ("key",))
    upsert(db, "evolving", [Before(key="a", old=1)], ("key",))
    ensure_table(db, "evolving", After, ("key",))
    upsert(db, "evolving", [After(key="b", new=2.0)], ("key",))
    assert read(db, "evolving", After, "true order by key") == [After(key="a"), After(key="b", new=2.0)]


def test_a_relation_that_is_not_there_says_how_to_make_it(db: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="foretune weekly"):
        read_table(db, "weekly_forecast")
