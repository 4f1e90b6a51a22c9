from pathlib import Path

import pytest

from planner.domain import Frozen
from planner.errors import WarehouseError
from planner.warehouse.connection import Warehouse
from planner.warehouse.inbox import Collected, collect_inbox, leave_in_inbox
from planner.warehouse.tables import read


class Decision(Frozen):
    decision_id: str
    verdict: str


KEY = ("decision_id",)


def collect(db: Warehouse, inbox: Path) -> Collected:
    return collect_inbox(db, inbox, "decisions", Decision, KEY)


def test_decisions_left_by_gates_are_landed_once(db: Warehouse, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for name in ("b", "a"):
        leave_in_inbox(inbox, Decision(decision_id=name, verdict="allow"), name)
    assert collect(db, inbox) == Collected(2, {})
    assert collect(db, inbox) == Collected(0, {})
    assert list(inbox.iterdir()) == []
    assert {row.decision_id for row in read(db, "decisions", Decision)} == {"a", "b"}


def test_a_decision_landed_before_a_crash_is_not_doubled(db: Warehouse, tmp_path: Path) -> None:
    decision = Decision(decision_id="a", verdict="block")
    for _ in range(2):
        leave_in_inbox(tmp_path, decision, "a")
        collect(db, tmp_path)
    assert read(db, "decisions", Decision) == [decision]


def test_a_file_that_is_no_decision_is_set_aside_with_the_reason(db: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"decision_id": "x", "ver')
    (tmp_path / "other.json").write_text('{"decision_id": "x", "verdict": "allow", "colour": "red"}')
    leave_in_inbox(tmp_path, Decision(decision_id="good", verdict="allow"), "good")
    found = collect(db, tmp_path)
    assert found.num_landed == 1
    assert found.rejected.keys() == {"cut.json", "other.json"}
    assert "colour" in found.rejected["other.json"]
    assert {path.name for path in (tmp_path / "rejected").iterdir()} == {"cut.json", "other.json"}


def test_a_file_still_being_written_is_left_alone(db: Warehouse, tmp_path: Path) -> None:
    (tmp_path / ".a.json.1.tmp").write_text("half")
    assert collect(db, tmp_path) == Collected(0, {})
    assert (tmp_path / ".a.json.1.tmp").exists()


def test_a_name_cannot_lead_out_of_the_inbox(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    path = leave_in_inbox(inbox, Decision(decision_id="a", verdict="allow"), "../../etc/x")
    assert path.parent == inbox
    assert path.exists()


def test_no_inbox_means_no_decisions(db: Warehouse, tmp_path: Path) -> None:
    assert collect(db, tmp_path / "nowhere") == Collected(0, {})


def test_an_inbox_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match="FORETUNE_HOME"):
        leave_in_inbox(tmp_path / "file", Decision(decision_id="a", verdict="allow"), "a")
