"""The school's calendar: when it is closed, by its own clock and its own holidays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from .errors import RecipeError

SATURDAY = 5
OPENS, CLOSES = time(6), time(22, 30)
DAY_NS = 86_400_000_000_000
_EPOCH = date(1970, 1, 1)
KEYS = ("timezone", "open", "close", "weekend_open", "weekend_close", "terms", "holidays")


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the school is open: daily hours, weekend hours (None: closed), terms (none: all year) and holidays.

    Hours are wall-clock times of `timezone`, right over changes of summer time. A day runs from `opens` up to, not
    with, `closes`; hours over midnight are not known here.
    """

    timezone: str = "Asia/Shanghai"
    opens: time = OPENS
    closes: time = CLOSES
    weekend: tuple[time, time] | None = None
    terms: tuple[tuple[date, date], ...] = ()
    holidays: frozenset[date] = frozenset()

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Calendar:
        """The calendar of a registry's [calendar] table. Raises RecipeError with every fault."""
        faults = [f"calendar.{key}: unknown key; allowed are {', '.join(KEYS)}" for key in table if key not in KEYS]
        values: dict[str, Any] = {}
        for key, read in _READERS.items():
            if key in table:
                try:
                    values[key] = read(table[key])
                except (ValueError, TypeError, ZoneInfoNotFoundError) as error:
                    faults.append(f"calendar.{key} = {table[key]!r}: {_ALLOWED[key]} ({error})")
        if ("weekend_open" in table) != ("weekend_close" in table):
            faults.append("calendar.weekend_open and calendar.weekend_close: give both or neither")
        opens, closes = values.get("open", OPENS), values.get("close", CLOSES)
        weekend = (values["weekend_open"], values["weekend_close"]) if "weekend_open" in values and not faults else None
        faults += [
            f"calendar: opens at {begin} but closes at {end}; closing must be later"
            for begin, end in [(opens, closes)] + ([weekend] if weekend else [])
            if isinstance(begin, time) and isinstance(end, time) and begin >= end
        ]
        if faults:
            raise RecipeError(faults)
        zone = values.get("timezone", "Asia/Shanghai")
        return cls(zone, opens, closes, weekend, values.get("terms", ()), values.get("holidays", frozenset()))

    def closed(self, time_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True where the school is closed at that time (ns since 1970 UTC)."""
        if not len(time_ns):
            return np.zeros(0, np.bool_)
        days = time_ns // DAY_NS
        result = np.ones(len(time_ns), np.bool_)
        for day in np.unique(days):
            rows = days == day
            for begin, end in _spans(self, int(day)):
                result[rows] &= ~((time_ns[rows] >= begin) & (time_ns[rows] < end))
        return result

    def hours(self, day: date) -> tuple[time, time] | None:
        """Opening and closing time of a day; None when it is closed all day."""
        if day in self.holidays or (self.terms and not self._in_term(day)):
            return None
        return self.weekend if day.weekday() >= SATURDAY else (self.opens, self.closes)

    def inputs(self) -> tuple[object, ...]:
        """Return every setting in a fixed order, for digests."""
        return (self.timezone, self.opens, self.closes, self.weekend, self.terms, tuple(sorted(self.holidays)))

    def _in_term(self, day: date) -> bool:
        index = bisect_right([begin for begin, _ in self.terms], day) - 1
        return index >= 0 and day <= self.terms[index][1]


@lru_cache(maxsize=4096)
def _spans(calendar: Calendar, utc_day: int) -> tuple[tuple[int, int], ...]:
    """Open spans (ns) of the local days that touch a UTC day; its wall clock may be a day ahead or behind."""
    zone = ZoneInfo(calendar.timezone)
    spans = []
    for shift in (-1, 0, 1):
        day = _EPOCH + timedelta(days=utc_day + shift)
        hours = calendar.hours(day)
        if hours is not None:
            begin, end = (_ns(datetime.combine(day, hour, zone)) for hour in hours)
            spans.append((begin, end))
    return tuple(spans)


def _ns(moment: datetime) -> int:
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000


def _clock(text: Any) -> time:
    return text if isinstance(text, time) else time.fromisoformat(text)


def _date(text: Any) -> date:
    return text if isinstance(text, date) else date.fromisoformat(text)


def _zone(text: Any) -> str:
    return ZoneInfo(text).key


def _terms(terms: Any) -> tuple[tuple[date, date], ...]:
    result = tuple(sorted((_date(begin), _date(end)) for begin, end in terms))
    if any(begin > end for begin, end in result):
        raise ValueError("a term ends before it begins")
    return result


def _holidays(days: Any) -> frozenset[date]:
    return frozenset(_date(day) for day in days)


_READERS = {
    "timezone": _zone,
    "open": _clock,
    "close": _clock,
    "weekend_open": _clock,
    "weekend_close": _clock,
    "terms": _terms,
    "holidays": _holidays,
}
_HOUR = 'a time of day such as "06:00"'
_ALLOWED = {
    "timezone": 'allowed is a zone name such as "Asia/Shanghai"',
    "open": f"allowed is {_HOUR}",
    "close": f"allowed is {_HOUR}",
    "weekend_open": f"allowed is {_HOUR}",
    "weekend_close": f"allowed is {_HOUR}",
    "terms": 'allowed are pairs of days such as ["2026-09-01", "2027-01-20"]',
    "holidays": 'allowed are days such as "2026-10-01"',
}
