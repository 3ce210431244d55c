"""Deadlines: by the clock, or on school days alone."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alerts import format_time, parse_time, read_registry
from alerts.tickets.deadlines import deadline

HOUR_NS = 3_600_000_000_000
REGISTRY = read_registry({"calendar": {"timezone": "Asia/Shanghai", "holidays": ["2026-10-01", "2026-10-02"]}})


def after(start: str, hours: int) -> str:
    """Return the deadline as a local time."""
    end_ns = deadline(parse_time(start), hours * HOUR_NS, REGISTRY, by_clock=False)
    return datetime.fromtimestamp(end_ns / 1e9, UTC).astimezone(REGISTRY.timezone).strftime("%m-%d %H:%M")


def test_weekends_and_holidays_do_not_count() -> None:
    """Wednesday noon and three school days: Thursday and Friday are holidays, then comes the weekend."""
    assert after("2026-09-30T12:00:00+08:00", 72) == "10-07 12:00"
    assert after("2026-09-26T12:00:00+08:00", 1) == "09-28 01:00"


@given(st.integers(0, 10**9), st.integers(1, 500))
def test_a_deadline_never_ends_earlier_than_by_the_clock(start_s: int, hours: int) -> None:
    """And by the clock exactly after its span."""
    start_ns = start_s * 10**9
    by_clock = deadline(start_ns, hours * HOUR_NS, REGISTRY, by_clock=True)
    assert by_clock == start_ns + hours * HOUR_NS
    assert deadline(start_ns, hours * HOUR_NS, REGISTRY, by_clock=False) >= by_clock, format_time(start_ns)
