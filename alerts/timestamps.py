"""Conversion between nanoseconds and RFC 3339 timestamps with offset."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time(text: str) -> int:
    """Return nanoseconds since 1970 UTC of an RFC 3339 time with offset or of epoch milliseconds. Raises ValueError."""
    if text.lstrip("-").isdigit():
        return int(text) * 1_000_000
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a time as RFC 3339 with offset, such as 2026-09-01T08:00:00+08:00") from None
    if instant.tzinfo is None:
        raise ValueError("a time with its offset, such as 2026-09-01T08:00:00+08:00")
    whole = instant.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000_000 + instant.microsecond * 1_000


def format_time(time_ns: int) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    instant = datetime.fromtimestamp(seconds, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}+00:00"
