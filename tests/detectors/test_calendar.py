"""Calendar compared with the local wall clock."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time
from pathlib import Path
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


EXCEPTIONS = {
    "workdays": [["2026-03-07", "2026-03-08"], "2026-08-01"],
    "days": {"2026-03-29": ["01:00", "04:30"], "2026-05-01": []},
}


@given(
    moments=st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), max_size=20),  # noqa: DTZ001 - made UTC
    zone=st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/New_York", "Pacific/Auckland"]),
)
def test_closed_agrees_with_the_local_wall_clock(moments: list[datetime], zone: str) -> None:
    """Any time, across changes of summer time and in zones far from UTC."""
    calendar = Calendar.from_table(TABLE | EXCEPTIONS | {"timezone": zone})
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


def test_exceptions_override_weekdays_terms_and_holidays() -> None:
    """Make-up days have the daily hours; a day with hours of its own has those, also on a make-up day."""
    calendar = Calendar.from_table({
        **TABLE, "holidays": ["2026-10-01", ["2026-10-04", "2026-10-07"]], "workdays": ["2026-09-20", "2026-10-10"],
        "days": {"2026-09-30": ["06:00", "12:00"], "2026-10-10": ["08:00", "11:00"], "2026-11-06": []},
    })  # fmt: skip
    whole = (time(6), time(22, 30))
    assert calendar.hours(date(2026, 9, 20)) == whole  # a Sunday
    assert calendar.hours(date(2026, 9, 27)) == (time(9), time(12))  # another one
    assert [calendar.hours(date(2026, 10, day)) for day in (1, 2, 4, 7, 8)] == [None, whole, None, None, whole]
    assert calendar.hours(date(2026, 9, 30)) == (time(6), time(12))
    assert calendar.hours(date(2026, 10, 10)) == (time(8), time(11))
    assert calendar.hours(date(2026, 11, 6)) is None


@pytest.mark.shared
def test_opening_on_a_make_up_day_is_no_entry_after_hours(shared_dir: Path) -> None:
    """The reported calendar, with its commented key."""
    text = (shared_dir / "field-reports" / "R70-make-up-day.calendar.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text.replace("# workdays", "workdays").partition("   ->")[0])["calendar"]
    noon = ns(datetime(2026, 9, 20, 12, tzinfo=ZoneInfo("Asia/Shanghai")))
    assert Calendar.from_table(table).closed(np.array([noon])).tolist() == [False]
    assert Calendar.from_table(table | {"workdays": []}).closed(np.array([noon])).tolist() == [True]


@pytest.mark.parametrize(
    ("key", "value"),
    [("workdays", "2026-09-20"), ("workdays", ["20.9.2026"]), ("workdays", [["2026-09-21", "2026-09-20"]]),
     ("holidays", [["2026-01-01", "2028-01-01"]]), ("days", {"2026-09-30": ["12:00", "06:00"]}),
     ("days", {"2026-09-30": ["12:00"]}), ("days", ["2026-09-30"]), ("workdays", ["2026-10-01"])],
)  # fmt: skip
def test_wrong_exception_is_reported_with_its_key(key: str, value: object) -> None:
    """Wrong forms, spans and hours, and a make-up day that is a holiday."""
    with pytest.raises(RecipeError, match=rf"calendar\.{key}"):
        Calendar.from_table(TABLE | {key: value})
