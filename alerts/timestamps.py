"""Conversion between nanoseconds and RFC 3339 timestamps with offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

TIME_ABS_MAX_NS = 2**62
"""Every database and store accepts times up to this one, and sums of two of them."""
TIME_ZH = "须为带时区的时间，如 2026-09-21T18:00:00+08:00"
"""Sentence about a text that `parse_time` refuses, in Chinese."""
_MINUTE_NS = 60_000_000_000
_EPOCH_MS = re.compile(r"-?[0-9]{1,20}")


def parse_time(text: str) -> int:
    """Return nanoseconds since 1970 UTC of an RFC 3339 time with offset or of epoch milliseconds. Raises ValueError."""
    found = int(text) * 1_000_000 if _EPOCH_MS.fullmatch(text) else _parse_date(text)
    if not -TIME_ABS_MAX_NS < found < TIME_ABS_MAX_NS:
        raise ValueError("a time between 1824 and 2116")
    return found


def _parse_date(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a time as RFC 3339 with offset, such as 2026-09-01T08:00:00+08:00") from None
    if instant.tzinfo is None:
        raise ValueError("a time with its offset, such as 2026-09-01T08:00:00+08:00")
    try:
        whole_s = int(instant.replace(microsecond=0).timestamp())
    except OverflowError:
        raise ValueError("a time between 1824 and 2116") from None
    return whole_s * 1_000_000_000 + instant.microsecond * 1_000


def format_time(time_ns: int) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    minute, rest_ns = divmod(time_ns, _MINUTE_NS)
    second, rest_ns = divmod(rest_ns, 1_000_000_000)
    return f"{_minute(minute)}{second:02}.{rest_ns // 1_000_000:03}+00:00"


@lru_cache(1_024)
def _minute(minutes: int) -> str:
    """Return the begin of an RFC 3339 time of a minute since 1970; the times of a page share few minutes."""
    return datetime.fromtimestamp(minutes * 60, UTC).isoformat(timespec="seconds")[:-8]


def local_time(time_ns: int, zone: tzinfo) -> str:
    """Return a time as month, day, hour and minute of a zone, for people."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, zone):%m-%d %H:%M}"
