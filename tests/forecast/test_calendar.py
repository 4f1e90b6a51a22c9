from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from planner.errors import InputError
from planner.forecast.calendar import planned_slots, weeks_from

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_week_that_starts_now_is_forecast() -> None:
    monday = datetime(2026, 3, 2, tzinfo=BERLIN)
    assert weeks_from(monday, BERLIN, 1) == (monday,)
    assert weeks_from(monday.astimezone(UTC), BERLIN, 1) == (monday,)


def test_a_week_that_has_begun_is_not_forecast() -> None:
    assert (
        weeks_from(datetime(2026, 3, 2, 0, 0, 1, tzinfo=BERLIN), BERLIN, 1)[0].isoformat()
        == "2026-03-09T00:00:00+01:00"
    )
    assert weeks_from(datetime(2026, 3, 8, 23, 59, tzinfo=BERLIN), BERLIN, 1)[0].date().isoformat() == "2026-03-09"


def test_the_zone_decides_which_week_it_is() -> None:
    sunday_evening_utc = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
    assert weeks_from(sunday_evening_utc, BERLIN, 1)[0].isoformat() == "2026-03-02T00:00:00+01:00"
    assert weeks_from(sunday_evening_utc, ZoneInfo("Asia/Tokyo"), 1)[0].date().isoformat() == "2026-03-09"


def test_weeks_of_daylight_saving_have_167_and_169_hours() -> None:
    spring = [week.timestamp() for week in weeks_from(datetime(2026, 3, 16, tzinfo=BERLIN), BERLIN, 4)]
    assert [round((b - a) / 3600) for a, b in pairwise(spring)] == [168, 167, 168]
    autumn = [week.timestamp() for week in weeks_from(datetime(2026, 10, 12, tzinfo=BERLIN), BERLIN, 4)]
    assert [round((b - a) / 3600) for a, b in pairwise(autumn)] == [168, 169, 168]


def test_all_weeks_start_on_monday_at_midnight() -> None:
    for week in weeks_from(datetime(2026, 1, 7, 13, tzinfo=UTC), ZoneInfo("America/New_York"), 60):
        assert (week.weekday(), week.hour, week.minute) == (0, 0, 0)


def test_slots_keep_their_hour_across_daylight_saving() -> None:
    slots = planned_slots(
        "0 6 * * MON", BERLIN, datetime(2026, 3, 23, tzinfo=BERLIN), datetime(2026, 4, 6, tzinfo=BERLIN)
    )
    assert [slot.isoformat() for slot in slots] == ["2026-03-23T06:00:00+01:00", "2026-03-30T06:00:00+02:00"]


def test_a_slot_in_the_skipped_hour_moves_to_its_end() -> None:
    day = datetime(2026, 3, 29, tzinfo=BERLIN)
    slots = planned_slots("30 2 * * *", BERLIN, day, day + timedelta(days=1))
    assert [slot.isoformat() for slot in slots] == ["2026-03-29T03:00:00+02:00"]


def test_a_slot_in_the_doubled_hour_fires_once() -> None:
    day = datetime(2026, 10, 25, tzinfo=BERLIN)
    assert len(planned_slots("30 2 * * *", BERLIN, day, day + timedelta(days=1))) == 1


def test_the_first_instant_counts_and_the_last_does_not() -> None:
    six, week = datetime(2026, 3, 2, 6, tzinfo=UTC), timedelta(weeks=1)
    assert planned_slots("0 6 * * MON", ZoneInfo("UTC"), six, six + week) == (six,)
    assert planned_slots("0 6 * * MON", ZoneInfo("UTC"), six + timedelta(milliseconds=1), six + week) == ()
    assert planned_slots("0 6 * * MON", ZoneInfo("UTC"), six, six) == ()


def test_a_date_that_never_comes_has_no_slots() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert planned_slots("0 6 30 6 MON", ZoneInfo("UTC"), start, start + timedelta(days=30)) == ()


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(InputError, match="2026-03-02T00:00:00 has no time zone"):
        weeks_from(datetime(2026, 3, 2), BERLIN, 1)  # noqa: DTZ001
