"""Deadlines: by the clock for life safety, on school days of the calendar for other dangers."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from alerts.risk.registry import Registry
from detectors import Calendar

DAYS_MAX = 400
"""Days searched for school days. A calendar without any leaves the deadline to the clock."""


def deadline(start_ns: int, span_ns: int, registry: Registry, *, by_clock: bool) -> int:
    """Return the end of a span of time; without `by_clock` only school days count, each with 24 hours."""
    if by_clock:
        return start_ns + span_ns
    calendar, zone = Calendar.from_table(registry.calendar), registry.timezone
    begin_ns, left_ns = start_ns, span_ns
    for _ in range(DAYS_MAX):
        day = datetime.fromtimestamp(begin_ns / 1e9, UTC).astimezone(zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), zone)
        next_ns = int(midnight.timestamp()) * 1_000_000_000
        if calendar.hours(day) is not None:
            if begin_ns + left_ns <= next_ns:
                return begin_ns + left_ns
            left_ns -= next_ns - begin_ns
        begin_ns = next_ns
    return start_ns + span_ns
