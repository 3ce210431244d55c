"""Times of a recording: columns of text to ns since 1970 UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.decode.times import TIME_NS_MAX, read_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_TEXT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_HOUR_S, _DAY_S = 3_600, 86_400
_UNITS = {10**9: "s", 10**6: "ms", 10**3: "us", 1: "ns"}


class Times:
    """Reader of the column `time`: RFC 3339, a time without zone (UTC), or a number since 1970.

    The first number decides on the unit of all of them: the one that puts it between 2015 and 2100, else milliseconds.
    """

    def __init__(self) -> None:
        self._unit_ns = 0

    def read(self, column: Sequence[str]) -> NDArray[np.int64]:
        """Return the times. Raises ValueError for the first one that is no time, or outside 1970 to 2262."""
        found = self._fixed(column)
        return np.array([self.one(text) for text in column], np.int64) if found is None else found

    def one(self, text: str) -> int:
        """Return one time in ns since 1970."""
        given = text.strip()
        try:
            time_ns = self._number(given) if _NUMBER.fullmatch(given) else _moment_ns(given)
        except (ValueError, OverflowError):
            raise ValueError(f"time {text!r}; allowed are RFC 3339 and numbers since 1970") from None
        if not 0 <= time_ns <= TIME_NS_MAX:
            raise ValueError(f"time {text!r} is out of range; allowed are the years 1970 to 2262")
        return time_ns

    def _number(self, text: str) -> int:
        value = float(text)
        if not self._unit_ns:
            found = read_time(value, now_ns=0, unit="ms").time_ns
            self._unit_ns = next((unit for unit in _UNITS if found and abs(value * unit - found) < found * 1e-9), 10**6)
        whole = int(value)
        return whole * self._unit_ns + round((value - whole) * self._unit_ns / 1_000) * 1_000

    def _fixed(self, column: Sequence[str]) -> NDArray[np.int64] | None:
        """Return the times of a column in one form of RFC 3339; None for any other column."""
        form = _TEXT.fullmatch(column[0]) if column else None
        if form is None:
            return None
        width = len(column[0])
        if {*map(len, column)} != {width}:
            return None
        try:
            text = np.array(column, f"S{width}").view(np.uint8).reshape(len(column), width)
        except UnicodeEncodeError:
            return None
        fraction, zone = form.groups()
        digits = np.ones(width, np.bool_)
        digits[[4, 7, 10, 13, 16]] = False
        if fraction:
            digits[19] = False
        if zone:
            digits[width - len(zone) :] = False
        values = text - ord("0")
        if not (values[:, digits] <= 9).all() or not (text[:, ~digits] == text[0, ~digits]).all():  # noqa: PLR2004
            return None
        return _moments_ns(values.astype(np.int64), len(fraction or ""), zone or "Z")


def _moments_ns(digits: NDArray[np.int64], fraction: int, zone: str) -> NDArray[np.int64] | None:
    """Return the times of digits by column; None if any is no date or time of day, or out of range."""

    def number(first: int, last: int) -> NDArray[np.int64]:
        total = digits[:, first]
        for at in range(first + 1, last):
            total = total * 10 + digits[:, at]
        return total

    year, month, day = number(0, 4), number(5, 7), number(8, 10)
    hour, minute, second = number(11, 13), number(14, 16), number(17, 19)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    known = (month >= 1) & (month <= 12)  # noqa: PLR2004 - months
    length = lengths[np.where(known, month, 0)] + (leap & (month == 2))  # noqa: PLR2004 - February
    known &= (day >= 1) & (day <= length) & (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004 - a clock
    if not (known & (year >= 1971) & (year <= 2261)).all():  # noqa: PLR2004 - borders are read one by one
        return None
    seconds = _days(year, month, day) * _DAY_S + hour * _HOUR_S + minute * 60 + second - _offset_s(zone)
    part = number(20, 19 + fraction) * 10 ** (9 - fraction + 1) if fraction else 0
    found: NDArray[np.int64] = seconds * 10**9 + part
    return found


def _days(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the days since 1970-01-01 in the Gregorian calendar (Howard Hinnant, days_from_civil)."""
    moved = year - (month <= 2)  # noqa: PLR2004 - the year begins in March
    era = moved // 400
    of_era = moved - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    found: NDArray[np.int64] = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return found


def _offset_s(zone: str) -> int:
    if zone == "Z":
        return 0
    seconds = int(zone[1:3]) * _HOUR_S + int(zone[4:6]) * 60
    return -seconds if zone[0] == "-" else seconds


def _moment_ns(text: str) -> int:
    moment: Any = datetime.fromisoformat(text)
    delta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return ((int(delta.days) * _DAY_S + int(delta.seconds)) * 1_000_000 + int(delta.microseconds)) * 1_000


def rfc3339(time_ns: int) -> str:
    """Return a time in ns since 1970 with milliseconds, in UTC.

    >>> rfc3339(1_500_000_000)
    '1970-01-01T00:00:01.500Z'
    """
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}Z"
