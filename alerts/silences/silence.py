"""Silence record: matcher, time windows in the site's zone and calendar, patrol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from alerts.risk.causes import causes
from detectors import Calendar

from .limits import MINUTE_NS

KINDS = ("silence", "maintenance")
DAYS = ("all", "school", "free")
"""Days of a recurrence by the school calendar: every day, school days with make-up days, all others."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ENDED_BY_PERSON, EXPIRED, PATROL_MISSED = "person", "expired", "patrol_missed"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence or maintenance window of a site. Times in ns since 1970 UTC.

    zone, place, sensor, cause: matcher, "" for any. owner: account of the named person. weekly: None for one span;
    else `weekdays`, `begin`, `end` (local times of day) and `days`. patrol: None, or `by` (account) and `interval_min`.
    patrols: `at_ns`, `by` and `note` of each entry. patrolled_ns: newest entry, None before the first one.
    ended_ns: early or final end, None before it; end_cause: person, expired or patrol_missed.
    """

    id: str
    site: str
    kind: str
    zone: str
    place: str
    sensor: str
    cause: str
    owner: str
    reason: str
    starts_ns: int
    ends_ns: int
    weekly: Mapping[str, Any] | None
    patrol: Mapping[str, Any] | None
    patrols: tuple[Mapping[str, Any], ...]
    patrolled_ns: int | None
    reminded_ns: int | None
    ended_ns: int | None
    ended_by: str | None
    end_cause: str
    created_by: str
    created_ns: int
    version: int = 0

    @property
    def interval_ns(self) -> int:
        """Return the longest time between two patrol entries, 0 without a patrol."""
        return int(self.patrol["interval_min"]) * MINUTE_NS if self.patrol else 0

    def window(self, calendar: Calendar, at_ns: int) -> tuple[int, int] | None:
        """Return begin and end of the window that contains a time, None outside of every window."""
        if self.ended_ns is not None or not self.starts_ns <= at_ns < self.ends_ns:
            return None
        if self.weekly is None:
            return self.starts_ns, self.ends_ns
        return next((one for one in self._windows(calendar, at_ns) if one[0] <= at_ns < one[1]), None)

    def following(self, calendar: Calendar, at_ns: int) -> tuple[int, int] | None:
        """Return the first window that ends after a time, within two weeks; None without one."""
        if self.ended_ns is not None or at_ns >= self.ends_ns:
            return None
        if self.weekly is None:
            return self.starts_ns, self.ends_ns
        return next((one for one in self._windows(calendar, max(at_ns, self.starts_ns)) if one[1] > at_ns), None)

    def due_ns(self, calendar: Calendar, at_ns: int) -> int | None:
        """Return the time at which the next patrol entry is due, None outside of a window or without a patrol."""
        within = self.window(calendar, at_ns)
        if within is None or not self.patrol:
            return None
        return max(within[0], self.patrolled_ns or 0) + self.interval_ns

    def mutes(self, calendar: Calendar, at_ns: int, *, life_safety: bool) -> bool:
        """Return whether it mutes at a time; life safety only while its patrol is kept."""
        if self.window(calendar, at_ns) is None:
            return False
        due_ns = self.due_ns(calendar, at_ns)
        return at_ns <= due_ns if due_ns is not None else not life_safety

    def _windows(self, calendar: Calendar, at_ns: int) -> Iterator[tuple[int, int]]:
        """Yield the windows of the recurrence around a time, from the day before, cut to the span of the silence."""
        weekly: Mapping[str, Any] = self.weekly or {}
        zone = ZoneInfo(calendar.timezone)
        first = (_EPOCH + timedelta(microseconds=at_ns // 1_000)).astimezone(zone).date() - timedelta(days=1)
        begin, end = time.fromisoformat(weekly["begin"]), time.fromisoformat(weekly["end"])
        for day in (first + timedelta(days=shift) for shift in range(16)):
            if WEEKDAYS[day.weekday()] not in weekly["weekdays"] or not _counts(calendar, day, weekly["days"]):
                continue
            last = day if end > begin else day + timedelta(days=1)
            span = _ns(day, begin, zone), _ns(last, end, zone)
            cut = max(span[0], self.starts_ns), min(span[1], self.ends_ns)
            if cut[0] < cut[1]:
                yield cut


def covers_life_safety(cause: str) -> bool:
    """Return whether a matcher with this cause, "" for any, matches an alarm of life safety."""
    return not cause or any(one.name == cause and one.life_safety for one in causes().values())


def silence_of(row: Row[Any]) -> Silence:
    """Return the silence of a row. Raises the errors of `checked` for a row that cannot be one."""
    values: dict[str, Any] = {one.name: getattr(row, one.name) for one in fields(Silence)}
    values["patrols"] = tuple(values["patrols"])
    return checked(Silence(**values))


def values_of(silence: Silence) -> dict[str, Any]:
    """Return the columns of a silence."""
    found = {one.name: getattr(silence, one.name) for one in fields(Silence)}
    return found | {"patrols": [dict(one) for one in silence.patrols]}


UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Errors of a stored silence that cannot be read."""


def checked(silence: Silence) -> Silence:
    """Return the silence if its windows and its patrol can be computed. Raises one of UNREADABLE."""
    if silence.weekly is not None:
        time.fromisoformat(silence.weekly["begin"]), time.fromisoformat(silence.weekly["end"])
        if not set(silence.weekly["weekdays"]) <= set(WEEKDAYS) or silence.weekly["days"] not in DAYS:
            raise ValueError("weekly: unknown days")
    if silence.patrol and (silence.interval_ns <= 0 or not silence.patrol["by"]):
        raise ValueError("patrol: no interval or no person")
    return silence


def _counts(calendar: Calendar, day: date, days: str) -> bool:
    return days == "all" or (calendar.hours(day) is not None) is (days == "school")


def _ns(day: date, at: time, zone: ZoneInfo) -> int:
    delta = datetime.combine(day, at, zone).astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000
