"""Calendar of a school: daily hours, terms, holidays and exceptions in its own timezone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ingest import Reads, TableReader

from .errors import RecipeError

SATURDAY = 5
OPENS, CLOSES = time(6), time(22, 30)
SPAN_DAYS_MAX = 366
DAY_NS = 86_400_000_000_000
_EPOCH = date(1970, 1, 1)
Terms = tuple[tuple[date, date], ...]
Hours = tuple[time, time] | None
Days = tuple[tuple[date, Hours], ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening times: daily hours, weekend hours (None: closed), terms (none: all year), holidays and exceptions.

    workdays: school days at weekends or in holidays (make-up days), with the daily hours. days: single days with hours
    of their own, None: closed; they override everything else.

    Hours are wall-clock times of `timezone`, also across changes of summer time. A school is open from `opens` to
    before `closes`. Hours across midnight are not supported.
    """

    timezone: str = "Asia/Shanghai"
    opens: time = OPENS
    closes: time = CLOSES
    weekend: tuple[time, time] | None = None
    terms: tuple[tuple[date, date], ...] = ()
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    days: Days = ()

    @classmethod
    def from_table(cls, table: Mapping[str, Any], *, source: str = "") -> Calendar:
        """Return the calendar of a registry's [calendar] table. Raises RecipeError with all errors."""
        reader = TableReader({"calendar": table}, RecipeError, source=source)
        row = reader.record(_Row, table, "calendar", check=_misfits)
        reader.finish()
        return row.calendar() if row else cls()

    def closed(self, time_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return True where the school is closed; time_ns: ns since 1970 UTC."""
        if not len(time_ns):
            return np.zeros(0, np.bool_)
        if len(time_ns) == 1:  # a reading alone: the numpy calls would take twenty times as long
            moment_ns = time_ns.item()
            spans = _spans(self, moment_ns // DAY_NS)
            return np.array([not any(begin <= moment_ns < end for begin, end in spans)])
        days = time_ns // DAY_NS
        result = np.ones(len(time_ns), np.bool_)
        for day in np.unique(days):
            rows = days == day
            for begin, end in _spans(self, int(day)):
                result[rows] &= ~((time_ns[rows] >= begin) & (time_ns[rows] < end))
        return result

    def hours(self, day: date) -> tuple[time, time] | None:
        """Return opening and closing time of a day; None when the school is closed all day."""
        for special, hours in self.days:
            if special == day:
                return hours
        if day in self.workdays:
            return self.opens, self.closes
        if day in self.holidays or (self.terms and not self._in_term(day)):
            return None
        return self.weekend if day.weekday() >= SATURDAY else (self.opens, self.closes)

    def inputs(self) -> tuple[object, ...]:
        """Return every setting in a fixed order, for digests."""
        dates = tuple(sorted(self.holidays)), tuple(sorted(self.workdays)), self.days
        return (self.timezone, self.opens, self.closes, self.weekend, self.terms, *dates)

    def _in_term(self, day: date) -> bool:
        index = bisect_right([begin for begin, _ in self.terms], day) - 1
        return index >= 0 and day <= self.terms[index][1]


@lru_cache(maxsize=4096)
def _spans(calendar: Calendar, utc_day: int) -> tuple[tuple[int, int], ...]:
    """Return the open spans (ns) of the local days that overlap a UTC day: the day before, the same and the next."""
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
        raise ValueError("a term ends before its begin")
    return result


def _dates(items: Any) -> frozenset[date]:
    """Return single days and the days of pairs, first to last."""
    if isinstance(items, str):
        raise TypeError("a text is no list of days")
    found: set[date] = set()
    for item in items:
        first, last = item if isinstance(item, list | tuple) else (item, item)
        begin, end = _date(first), _date(last)
        if not 0 <= (end - begin).days <= SPAN_DAYS_MAX:
            raise ValueError("a span of days ends before its begin, or is longer than a year")
        found.update(begin + timedelta(days=shift) for shift in range((end - begin).days + 1))
    return frozenset(found)


def _days(table: Any) -> Days:
    """Return the hours of single days; no hours mean closed."""
    found: list[tuple[date, Hours]] = []
    for day, hours in table.items():
        if not hours:
            found.append((_date(day), None))
            continue
        begin, end = (_clock(hour) for hour in hours)
        if begin >= end:
            raise ValueError("a day closes before it opens")
        found.append((_date(day), (begin, end)))
    return tuple(sorted(found, key=lambda item: item[0]))


_DAYS = 'days such as "2026-10-01", or pairs of first and last day'
_HOUR = Reads(_clock, 'a time of day such as "06:00"')


@dataclass(frozen=True, slots=True)
class _Row:
    timezone: Annotated[str, Reads(_zone, 'a zone name such as "Asia/Shanghai"')] = "Asia/Shanghai"
    open: Annotated[time, _HOUR] = OPENS
    close: Annotated[time, _HOUR] = CLOSES
    weekend_open: Annotated[time | None, _HOUR] = None
    weekend_close: Annotated[time | None, _HOUR] = None
    terms: Annotated[Terms, Reads(_terms, 'pairs of days, first to last, such as ["2026-09-01", "2027-01-20"]')] = ()
    holidays: Annotated[frozenset[date], Reads(_dates, _DAYS)] = frozenset()
    workdays: Annotated[frozenset[date], Reads(_dates, _DAYS)] = frozenset()
    days: Annotated[
        Days, Reads(_days, 'hours by day, such as { "2026-09-30" = ["06:00", "12:00"] }, [] for closed')
    ] = ()

    def calendar(self) -> Calendar:
        weekend = None
        if self.weekend_open is not None and self.weekend_close is not None:
            weekend = self.weekend_open, self.weekend_close
        return Calendar(
            self.timezone, self.open, self.close, weekend, self.terms, self.holidays, self.workdays, self.days
        )


def _misfits(row: _Row) -> Iterator[str]:
    if (row.weekend_open is None) != (row.weekend_close is None):
        yield "weekend_open: allowed is both weekend_open and weekend_close, or neither"
    for day in sorted(row.workdays & row.holidays):
        yield f"workdays: {day} is in the holidays too; allowed is one of both"
    for key, begin, end in (
        ("close", row.open, row.close),
        ("weekend_close", row.weekend_open, row.weekend_close),
    ):
        if begin is not None and end is not None and begin >= end:
            yield f"{key} = {end:%H:%M}: allowed is a time after {begin:%H:%M}, the opening"
