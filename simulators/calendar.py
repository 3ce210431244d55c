"""The school's year and day: terms, weekends, bells, and how many people move when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
BELLS_H = (7.2, 11.9, 14.0, 17.4, 21.3)
"""Local hours around which people pass gates and doors: arrival, lunch, afternoon, dismissal, evening study."""

DAY_H, FREE_DAY_H = (6.5, 22.0), (8.5, 17.5)
"""Local hours between which anybody moves, on school days and on others."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours and terms of a school; times of day are local, dates are inclusive."""

    timezone: str = "Asia/Shanghai"
    open: str = "06:00"
    close: str = "22:30"
    weekend_open: str = "08:00"
    weekend_close: str = "18:00"
    terms: tuple[tuple[str, str], ...] = (("2026-02-23", "2026-07-10"), ("2026-09-01", "2027-01-20"))
    holidays: tuple[str, ...] = ("2026-10-01", "2026-10-02", "2026-10-03", "2026-10-04", "2026-10-05", "2027-01-01")

    def local_s(self, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Local seconds since 1970; the zone's offset at the first time is used for all (chunks are short)."""
        if not len(time_ms):
            return np.zeros(0)
        first = datetime.fromtimestamp(float(time_ms[0]) / 1000, UTC).astimezone(ZoneInfo(self.timezone))
        offset = first.utcoffset() or timedelta()
        local: NDArray[np.float64] = time_ms / 1000 + offset.total_seconds()
        return local

    def hour(self, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Local hour of day, 0 to 24."""
        hours: NDArray[np.float64] = self.local_s(time_ms) % DAY_S / 3600
        return hours

    def in_session(self, time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the day is a school day: in term, no weekend, no holiday."""
        days, back = np.unique((self.local_s(time_ms) // DAY_S).astype(np.int64), return_inverse=True)
        return np.array([self._school_day(int(day)) for day in days], np.bool_)[back]

    def movement(self, time_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """How busy the ways are, 0 to 1: bells on school days, a little on free days, nothing at night."""
        hour = self.hour(time_ms)
        bells = np.max([np.exp(-(((hour - bell) / 0.3) ** 2)) for bell in BELLS_H], axis=0)
        day = (hour > DAY_H[0]) & (hour < DAY_H[1])
        weekend_day = (hour > FREE_DAY_H[0]) & (hour < FREE_DAY_H[1])
        busy: NDArray[np.float64] = np.where(
            self.in_session(time_ms), np.where(day, 0.06 + 0.94 * bells, 0.0), np.where(weekend_day, 0.04, 0.0)
        )
        return busy

    def _school_day(self, day: int) -> bool:
        when = date(1970, 1, 1) + timedelta(days=day)
        text = when.isoformat()
        in_term = any(first <= text <= last for first, last in self.terms)
        return in_term and when.weekday() < 5 and text not in self.holidays  # noqa: PLR2004 - Monday is 0
