from datetime import UTC, datetime, timedelta

from planner.forecast.cadence_rows import CadenceOfUpdate
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import store, store_concluded

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def cadence(programme: str, as_of: datetime = MONDAY) -> CadenceOfUpdate:
    return CadenceOfUpdate(
        as_of=as_of, programme=programme, planned_updates=None, finished_updates=1, attempts=1,
        updates_per_planned=None, attempts_per_finished_p50=None, slip_s_p50=None, slip_s_p90=None,
    )  # fmt: skip


def test_what_is_concluded_again_for_a_moment_replaces_that_moment_alone(db: Warehouse) -> None:
    before = MONDAY - timedelta(weeks=1)
    store(db, "cadences", [cadence("old name", before), cadence("old name"), cadence("kept")])
    assert store_concluded(db, "cadences", [cadence("new name"), cadence("kept")], MONDAY) == 2
    assert db.execute("select as_of, programme from cadences order by 1, 2") == [
        (before, "old name"), (MONDAY, "kept"), (MONDAY, "new name"),
    ]  # fmt: skip
    assert store_concluded(db, "cadences", [cadence("new name"), cadence("kept")], MONDAY) == 0
    assert store_concluded(db, "cadences", [], MONDAY) == 2
