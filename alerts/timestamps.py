"""Conversion between nanoseconds and RFC 3339 timestamps with offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime

TIME_ABS_MAX_NS = 2**62
"""Every database and store accepts times up to this one, and sums of two of them."""
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
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    instant = datetime.fromtimestamp(seconds, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}+00:00"
