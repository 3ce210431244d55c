"""Times on the wire: numbers in any unit, texts with or without a zone; ns since 1970 UTC or a doubt.

Every decoder reads every time of a message here. A time never costs a reading: the decoder puts both fields of the
result into `Reading.time_ns` and `Reading.doubt`, and the intake decides.

A readable time stays, even an implausible one (7 s after 1970 from a device that has just started): the intake
estimates the device clock from it. A number counts in the unit that puts it between 2015 and 2100, otherwise in the
unit of its format.

Works badly for: milliseconds since the start of a device, which look like seconds since 1970 from day 17 to day 47.

Source: RFC 3339; ISO 8601-1:2019 clause 5.4 (basic and extended forms, decimal comma).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from math import isfinite
from typing import Any, Literal, NamedTuple

Unit = Literal["s", "ms", "us", "ns"]

SECOND_NS = 1_000_000_000
TIME_NS_MAX = 2**63 - 1
LIVE_NS = 120 * SECOND_NS
"""A text without a zone is UTC if that puts it this close to its arrival; otherwise it is local time."""

_NS: Mapping[Unit, int] = {"s": SECOND_NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_NS = (datetime(2015, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) * SECOND_NS
"""2015-01-01: an earlier time is that of a clock that was not set."""

_PLAUSIBLE_NS = range(
    EARLIEST_NS,
    (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) * SECOND_NS,
)
_TEXT_MAX = 64
_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,18})?", re.ASCII)
_TEXT = re.compile(
    r"(?:(\d{4})-(\d\d)-(\d\d)|(\d{4})/(\d\d)/(\d\d)|(\d{4})(\d\d)(\d\d))[Tt ]"
    r"(?:(\d\d):(\d\d)(?::(\d\d))?|(\d\d)(\d\d)(\d\d))(?:[.,](\d{1,18}))?"
    r" ?([Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_zone: ContextVar[tzinfo] = ContextVar("zone", default=UTC)


class WireTime(NamedTuple):
    """A time of a message; both fields go into the reading.

    time_ns: ns since 1970 UTC; None for an absent or an unusable time. doubt: reason code of an unusable time, else "".
    """

    time_ns: int | None = None
    doubt: str = ""


@contextmanager
def local_zone(zone: tzinfo) -> Iterator[None]:
    """Set the zone of local times for the messages decoded inside the block: the zone of their site."""
    token = _zone.set(zone)
    try:
        yield
    finally:
        _zone.reset(token)


def read_time(given: Any, *, now_ns: int, unit: Unit = "s") -> WireTime:
    """Return the time that a message states; null, a missing key and an empty text state none. Never raises.

    given: number since 1970, or text. now_ns: arrival time. unit: that of the format, for numbers plausible in none.

    >>> now_ns = 1_795_161_600_000_000_000
    >>> {read_time(given, now_ns=now_ns).time_ns == now_ns for given in (1795161600, 1795161600000, 1.7951616e15)}
    {True}
    >>> read_time("2026-11-20T16:00:00+08:00", now_ns=now_ns) == read_time("2026-11-20 08:00:00", now_ns=now_ns)
    True
    >>> read_time(7.3, now_ns=now_ns), read_time("soon", now_ns=now_ns)
    (WireTime(time_ns=7300000000, doubt=''), WireTime(time_ns=None, doubt='time_format'))
    """
    if isinstance(given, str):
        given = given.strip("\0 \t\r\n")
        if len(given) <= _TEXT_MAX and (number := _NUMBER.fullmatch(given)):
            given = float(given) if number[1] else int(given)
    if given is None or given == "":
        return WireTime()
    if isinstance(given, str):
        return _text(given, now_ns)
    if isinstance(given, bool) or not isinstance(given, int | float) or not _is_finite(given):
        return WireTime(doubt="time_format")
    return _number(given, unit)


def _is_finite(given: float) -> bool:
    return isinstance(given, int) or isfinite(given)


def _number(given: float, unit: Unit) -> WireTime:
    """Return the time of a number; a float is exact to the microsecond."""
    if abs(given) > TIME_NS_MAX:  # beyond nanoseconds since 1970 in any unit
        return WireTime(doubt="time_past" if given < 0 else "time_future")
    for each in (unit, *_NS):
        time_ns = _whole(given, each)
        if time_ns in _PLAUSIBLE_NS:
            return WireTime(time_ns)
    return _bounded(_whole(given, unit))


def _whole(given: float, unit: Unit) -> int:
    whole = int(given)
    return whole * _NS[unit] + round((given - whole) * _NS[unit] / 1_000) * 1_000


def _text(given: str, now_ns: int) -> WireTime:
    found = _TEXT.fullmatch(given) if len(given) <= _TEXT_MAX else None
    if found is None:
        return WireTime(doubt="time_format")
    *parts, fraction, offset = found.groups()
    year, month, day, hour, minute, *second = (int(part) for part in parts if part is not None)
    leap = second == [60]  # a leap second, or a rounded 59.9 s
    try:
        stamp = datetime(year, month, day, hour, minute, 59 if leap else sum(second))  # noqa: DTZ001 - zone follows
        whole = _zoned(stamp, offset, now_ns)
    except (ValueError, OverflowError):
        return WireTime(doubt="time_format")
    return _bounded((whole + leap) * SECOND_NS + int((fraction or "0")[:9].ljust(9, "0")))


def _zoned(stamp: datetime, offset: str | None, now_ns: int) -> int:
    """Return the seconds since 1970 of a time; one without offset is local, or UTC where that is the arrival time.

    Of the two times in the hour repeated at the end of summer time, the one nearer to the arrival counts.
    """
    if offset in {"Z", "z", "UTC", "GMT"}:
        return _seconds(stamp.replace(tzinfo=UTC))
    if offset:
        minutes = int(offset[1:3]) * 60 + int(offset[3:].lstrip(":") or "0")
        return _seconds(stamp.replace(tzinfo=timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))))
    now_s = now_ns // SECOND_NS
    zone = _zone.get()
    local = min((_seconds(stamp.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)), key=lambda at: abs(at - now_s))
    universal = _seconds(stamp.replace(tzinfo=UTC))
    live_s = LIVE_NS // SECOND_NS
    return universal if abs(universal - now_s) <= live_s < abs(local - now_s) else local


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _bounded(time_ns: int) -> WireTime:
    if time_ns < 0:
        return WireTime(doubt="time_past")
    return WireTime(time_ns) if time_ns <= TIME_NS_MAX else WireTime(doubt="time_future")
