"""Calendar compared with the local wall clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import Calendar, RecipeError

TABLE = {
    "timezone": "Europe/Berlin", "open": "06:00", "close": "22:30", "weekend_open": "09:00", "weekend_close": "12:00",
    "terms": [["2026-02-01", "2026-07-10"], ["2026-09-01", "2027-01-20"]], "holidays": ["2026-10-01"],
}  # fmt: skip


def ns(moment: datetime) -> int:
    """Nanoseconds since 1970."""
    return int(moment.timestamp()) * 1_000_000_000


@given(
    moments=st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), max_size=20),  # noqa: DTZ001 - made UTC
    zone=st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/New_York", "Pacific/Auckland"]),
)
def test_closed_agrees_with_the_local_wall_clock(moments: list[datetime], zone: str) -> None:
    """Any time, across changes of summer time and in zones far from UTC."""
    calendar = Calendar.from_table(TABLE | {"timezone": zone})
    moments = [moment.replace(tzinfo=UTC, microsecond=0) for moment in moments]
    closed = calendar.closed(np.array([ns(moment) for moment in moments], np.int64))
    for moment, answer in zip(moments, closed, strict=True):
        local = moment.astimezone(ZoneInfo(zone))
        hours = calendar.hours(local.date())
        assert answer == (hours is None or not hours[0] <= local.time() < hours[1])


def test_hours_of_terms_weekends_and_holidays() -> None:
    """Closed out of term and on holidays, short hours at weekends."""
    calendar = Calendar.from_table(TABLE)
    assert calendar.hours(date(2026, 9, 2)) == (time(6), time(22, 30))
    assert calendar.hours(date(2026, 9, 5)) == (time(9), time(12))
    assert calendar.hours(date(2026, 10, 1)) is None
    assert calendar.hours(date(2026, 8, 1)) is None


def test_all_faults_are_reported_at_once() -> None:
    """Each wrong key is reported."""
    with pytest.raises(RecipeError) as caught:
        Calendar.from_table({"timezone": "Mars/Olympus", "open": "6h", "terms": [["2026-02-01"]], "closed": True})
    assert [fault.split()[0] for fault in caught.value.faults] == [
        "calendar.closed:", "calendar.timezone", "calendar.open", "calendar.terms",
    ]  # fmt: skip
