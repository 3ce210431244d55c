"""Calendar of a school: terms, weekends, bells, and the movement of people by time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
BELLS_H = (7.2, 11.9, 14.0, 17.4, 21.3)
"""Local hours of peak passage at gates and doors: arrival, lunch, afternoon, dismissal, evening study."""

DAY_H, FREE_DAY_H = (6.5, 22.0), (8.5, 17.5)
"""Local hours with movement of people, on school days and on other days."""

EXAM_BELLS_H = (7.6, 11.6, 14.2, 16.8)
"""Local hours of peak passage on exam days, which have no bells between papers."""

MINUTE_MS, DAY_MS = 60_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours and terms of a school; times of day are local, dates are inclusive; workdays: make-up days."""

    timezone: str = "Asia/Shanghai"
    open: str = "06:00"
    close: str = "22:30"
    weekend_open: str = "08:00"
    weekend_close: str = "18:00"
    terms: tuple[tuple[str, str], ...] = (("2026-02-23", "2026-07-10"), ("2026-09-01", "2027-01-20"))
    exams: tuple[tuple[str, str], ...] = (("2026-06-29", "2026-07-03"), ("2027-01-11", "2027-01-15"))
    holidays: tuple[str, ...] = ("2026-10-01", "2026-10-02", "2026-10-03", "2026-10-04", "2026-10-05", "2027-01-01")
    workdays: tuple[str, ...] = ()

    def local_s(self, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return local seconds since 1970; the zone's offset at the first time applies to all (chunks are short)."""
        if not len(time_ms):
            return np.zeros(0)
        first = datetime.fromtimestamp(float(time_ms[0]) / 1000, UTC).astimezone(ZoneInfo(self.timezone))
        offset = first.utcoffset() or timedelta()
        local: NDArray[np.float64] = time_ms / 1000 + offset.total_seconds()
        return local

    def hour(self, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the local hour of day, 0 to 24."""
        hours: NDArray[np.float64] = self.local_s(time_ms) % DAY_S / 3600
        return hours

    def in_session(self, time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether the day is a school day: in term, no weekend, no holiday."""
        return self._by_day(time_ms, self._school_day).astype(np.bool_)

    def movement(self, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the intensity of movement, 0 to 1, by minute: peaks at bells, low on free days, 0 at night."""
        if not len(time_ms):
            return np.zeros(0)
        minute = time_ms // MINUTE_MS
        first, last = int(minute.min()), int(minute.max())
        if last - first > 2 * len(minute) + 1440:
            return self._movement(minute * MINUTE_MS)
        return self._movement(np.arange(first, last + 1, dtype=np.int64) * MINUTE_MS)[minute - first]

    def _movement(self, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        hour = self.hour(time_ms)
        plain, exam = (_rush(hour, bells) for bells in (BELLS_H, EXAM_BELLS_H))
        bells = np.where(self._by_day(time_ms, lambda text, _: _within(text, self.exams)) > 0, exam, plain)
        day = (hour > DAY_H[0]) & (hour < DAY_H[1])
        free_day = (hour > FREE_DAY_H[0]) & (hour < FREE_DAY_H[1])
        busy: NDArray[np.float64] = np.where(
            self.in_session(time_ms), np.where(day, 0.06 + 0.94 * bells, 0.0), np.where(free_day, 0.04, 0.0)
        )
        return busy

    def _by_day(self, time_ms: NDArray[np.int64], predicate: Callable[[str, int], bool]) -> NDArray[np.int8]:
        """Return the predicate's value for each row's local day (date and weekday, Monday 0)."""
        if not len(time_ms):
            return np.zeros(0, np.int8)
        day = (self.local_s(time_ms) // DAY_S).astype(np.int64)
        first, last = int(day.min()), int(day.max())
        dates = [date(1970, 1, 1) + timedelta(days=number) for number in range(first, last + 1)]
        return np.array([predicate(when.isoformat(), when.weekday()) for when in dates], np.int8)[day - first]

    def _school_day(self, text: str, weekday: int) -> bool:
        ordinary = weekday < 5 and text not in self.holidays  # noqa: PLR2004 - Saturday is 5
        return text in self.workdays or (ordinary and _within(text, self.terms))


def _within(text: str, spans: tuple[tuple[str, str], ...]) -> bool:
    return any(first <= text <= last for first, last in spans)


def _rush(hour: NDArray[np.float64], bells: tuple[float, ...]) -> NDArray[np.float64]:
    crowd: NDArray[np.float64] = np.max([np.exp(-(((hour - bell) / 0.3) ** 2)) for bell in bells], axis=0)
    return crowd
