"""Weeks and cron slots as instants: daylight saving makes some weeks 167 or 169 hours long."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from planner.errors import InputError


def weeks_from(as_of: datetime, zone: ZoneInfo, num_weeks: int) -> tuple[datetime, ...]:
    """Starts of the next whole weeks: Mondays 00:00 in ``zone``.

    The first is the week that starts at ``as_of`` itself, or else the next one: a week that has begun is not forecast.
    Raises InputError for a time without zone.
    """
    now = _instant(as_of)
    local = now.astimezone(zone)
    monday = datetime(local.year, local.month, local.day, tzinfo=zone) - timedelta(days=local.weekday())
    if _instant(monday) < now:
        monday += timedelta(weeks=1)
    return tuple(monday + timedelta(weeks=week) for week in range(num_weeks))


def planned_slots(cadence: str, zone: ZoneInfo, start: datetime, end: datetime) -> tuple[datetime, ...]:
    """Instants in [start, end) at which the cron expression fires, in ``zone``.

    As in Debian's cron: a slot in the hour that daylight saving skips moves to the end of the gap, one in the doubled
    hour fires once. Raises InputError for a time without zone.
    """
    first, last = _instant(start), _instant(end)
    slots: list[datetime] = []
    for slot in CronSim(cadence, (first - timedelta(seconds=1)).astimezone(zone)):
        if _instant(slot) >= last:
            break
        if _instant(slot) >= first:
            slots.append(slot)
    return tuple(slots)


def _instant(time: datetime) -> datetime:
    """In UTC: times of one zone compare and subtract by the clock on the wall, which daylight saving moves."""
    if time.tzinfo is None:
        raise InputError(f"{time.isoformat()} has no time zone: give one, e.g. {time.isoformat()}+00:00")
    return time.astimezone(UTC)
