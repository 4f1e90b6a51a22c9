from datetime import UTC, datetime

from planner.report.drift_stories import stories
from planner.report.page import WeeklyPage


def test_a_drift_is_told_with_its_size_its_dates_what_moved_and_the_runs_before_and_after(
    busy_page: WeeklyPage,
) -> None:
    (story,) = stories(busy_page)
    assert story.title == "Duration | accelerator=a100-sxm-80gb, method=lora"
    assert story.stage == "open"
    for text in (
        "x 1.22 (80 %: x 1.15 to x 1.30)",
        "since",
        "noticed",
        "What moved: driver (driver_version) from 550.2",
    ):
        assert text in story.sentence
    assert story.evidence == (
        "Before: 36 runs, measured / physics x 1.08; 550.2 (36)",
        "After: 12 runs, measured / physics x 1.32; <b>570.1</b> (12)",
    )


def test_open_drifts_come_first_and_a_closed_one_says_why(busy_page: WeeklyPage) -> None:
    (drift,) = (row for row in busy_page.drift if row.drift_id)
    ended = datetime(2026, 11, 20, tzinfo=UTC)
    closed = drift.model_copy(
        update={
            "drift_id": "00000001",
            "stage": "closed",
            "closed_at": ended,
            "closed_because": "recovered",
            "note": "ok",
        }
    )
    found = stories(busy_page.model_copy(update={"drift": (closed, drift)}))
    assert [story.stage for story in found] == ["open", "closed"]
    assert "recovered" in found[1].sentence
    assert found[1].sentence.endswith("Note: ok")
