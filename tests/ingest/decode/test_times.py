"""Every time on the wire is read, absent, or doubtful with a reason; it never raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode import FOREIGN, Router
from ingest.decode.times import TIME_NS_MAX, Unit, WireTime, local_zone, read_time
from ingest.vocabulary import LIFE_SAFETY, Quality

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
NOW_NS = NOW_S * 1_000_000_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
UNITS: tuple[Unit, ...] = ("s", "ms", "us", "ns")
ABSENT = WireTime()

moments = st.datetimes(datetime(2015, 1, 2), datetime(2099, 12, 30))  # noqa: DTZ001 - naive on purpose
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def of(moment: datetime) -> int:
    """Nanoseconds since 1970 UTC, exact to the microsecond."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


def read(stated: Any, *, unit: Unit = "s", now_ns: int = NOW_NS) -> WireTime:
    """Read a time with the site in Shanghai."""
    with local_zone(SHANGHAI):
        return read_time(stated, now_ns=now_ns, unit=unit)


@given(moments, st.sampled_from(UNITS), st.sampled_from(UNITS), st.sampled_from((int, str)))
def test_a_number_is_recognised_in_every_unit_and_format(
    moment: datetime, sent: Unit, expected: Unit, form: type[int | str]
) -> None:
    """Seconds, milliseconds, microseconds and nanoseconds, as a number or as its text."""
    whole = of(moment.replace(microsecond=0, tzinfo=UTC))
    number = whole // {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[sent]
    assert read(form(number), unit=expected) == WireTime(whole)


@given(moments, st.sampled_from(UNITS))
def test_a_fraction_of_seconds_is_exact_to_the_microsecond(moment: datetime, expected: Unit) -> None:
    """Frigate, Shelly and SenML send floats of seconds."""
    exact = of(moment.replace(tzinfo=UTC))
    assert read(exact / 1e9, unit=expected) == WireTime(exact)


@given(moments, zones, st.sampled_from(("T", "t", " ")), st.sampled_from((".", ",")))
def test_a_text_with_its_offset_is_that_moment(moment: datetime, zone: timezone, gap: str, mark: str) -> None:
    """RFC 3339 and the forms of ISO 8601 near it."""
    stamp = moment.replace(tzinfo=zone)
    text = stamp.isoformat(timespec="microseconds").replace("T", gap).replace(".", mark)
    assert read(text) == WireTime(of(stamp))
    assert read(text[: -len("+00:00")] + text[-len("+00:00") :].replace(":", "")) == WireTime(of(stamp))


@given(moments)
def test_a_text_without_a_zone_is_the_local_time_of_the_site(moment: datetime) -> None:
    """Tasmota, cheap gauges and recorders send local times."""
    local = moment.replace(microsecond=0)
    stamp = local.replace(tzinfo=SHANGHAI)
    arrived = stamp + timedelta(seconds=3)
    expected = WireTime(of(stamp))
    forms = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y%m%dT%H%M%S")
    assert {read(local.strftime(form), now_ns=of(arrived)) for form in forms} == {expected}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-11-20 08:00:00", NOW),  # UTC without its mark: eight hours old as local time
        ("2026-11-20 07:58:30", NOW - timedelta(seconds=90)),
        ("2026-11-20 16:00:00", NOW),
        ("2026-11-20 13:00:00", NOW - timedelta(hours=3)),  # buffered, in local time
        ("2026-11-20 16:00", NOW),
        ("2026-11-20 08:00:00 UTC", NOW),
        ("20261120T080000Z", NOW),
        ("2026-11-20T16:00:00+08", NOW),
        ("2026-11-20T07:59:60Z", NOW),  # a leap second, or 59.9 rounded up
        (" 2026-11-20T08:00:00Z\n\0", NOW),
        ("1970-01-01T00:00:07Z", datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        (7.3, datetime(1970, 1, 1, 0, 0, 7, 300_000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_readable_time_stays_even_an_implausible_one(stated: object, expected: datetime) -> None:
    """The clock estimate needs the times of a wrong clock; the intake decides about the reading."""
    assert read(stated) == WireTime(of(expected))


def test_the_repeated_hour_of_summer_time_is_the_one_of_the_arrival() -> None:
    """Berlin, 25 October 2026: 02:30 occurs at 00:30 and at 01:30 UTC; 29 March: 02:30 does not occur."""
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    with local_zone(ZoneInfo("Europe/Berlin")):
        for moment in (first, second):
            assert read_time("2026-10-25T02:30:00", now_ns=of(moment)).time_ns == of(moment)
        gap = of(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
        assert read_time("2026-03-29T02:30:00", now_ns=gap).time_ns in (gap, gap - 3_600_000_000_000)


@pytest.mark.parametrize("absent", [None, "", "  ", "\0"])
def test_an_absent_time_is_no_doubt(absent: object) -> None:
    """The arrival time counts."""
    assert read(absent) == ABSENT


@pytest.mark.parametrize(
    ("unusable", "doubt"),
    [
        ("soon", "time_format"),
        ("08:00:00", "time_format"),
        ("2026-11-20", "time_format"),
        ("2026-13-45T99:00:00Z", "time_format"),
        ("0000-00-00 00:00:00", "time_format"),
        ("2026-11-20T08:00:00+99:00", "time_format"),
        ("9" * 400, "time_format"),
        (True, "time_format"),
        ({"time": 1}, "time_format"),
        (float("nan"), "time_format"),
        (float("inf"), "time_format"),
        (-5, "time_past"),
        ("1950-01-01T00:00:00Z", "time_past"),
        (10**30, "time_future"),
        (1e300, "time_future"),
        ("9999-01-01T00:00:00Z", "time_future"),
    ],
)
def test_an_unusable_time_is_a_doubt_with_its_reason(unusable: object, doubt: str) -> None:
    """The reading itself is not refused here."""
    assert read(unusable) == WireTime(None, doubt)


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=80)
    | st.lists(st.integers(), max_size=2),
    st.sampled_from(UNITS),
    st.integers(0, TIME_NS_MAX),
)
def test_every_input_gives_a_time_in_range_or_a_reason(stated: object, unit: Unit, now_ns: int) -> None:
    """No input raises; a time has no doubt and a doubt no time."""
    time_ns, doubt = read(stated, unit=unit, now_ns=now_ns)
    assert doubt in {"", "time_format", "time_past", "time_future"}
    assert time_ns is None or (not doubt and 0 <= time_ns <= TIME_NS_MAX)


TIME_KEYS = frozenset(
    (
        "time",
        "Time",
        "ts",
        "UtcTime",
        "dateTime",
        "frame_time",
        "start_time",
        "end_time",
        "last_seen",
        "received_at",
        "t",
        "bt",
    )
)
"""Names of times in the messages of all formats."""

DOUBTFUL = (7.3, 0, -5, 10**22, "1970-01-01T00:00:07Z", "2036-02-07T06:28:16Z", "soon", "", None)


def redated(part: Any, stated: Any) -> Any:
    """Return a document with another time."""
    if isinstance(part, list):
        return [redated(each, stated) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: stated
        if key in TIME_KEYS and isinstance(value, str | int | float) and not isinstance(value, bool)
        else redated(value, stated)
        for key, value in part.items()
    }


def alarms(router: Router, message: dict[str, Any], payload: bytes) -> set[tuple[str, str, float]]:
    """Return the life-safety readings of a message; none of them may have a time and a doubt."""
    decoded = router.decode(message["topic"], payload, retained=message.get("retain") is True, now_ns=NOW_NS)
    assert all(reading.time_ns is None or not reading.doubt for reading in decoded.readings)
    assert not {reject.reason for reject in decoded.rejects} & {"time_format", "time_past", "time_future"}
    return {
        (reading.sensor, reading.metric, reading.value)
        for reading in decoded.readings
        if reading.metric in LIFE_SAFETY and reading.quality != Quality.HISTORICAL
    }


@pytest.mark.shared
@pytest.mark.parametrize("wire", [wire for wire in FOREIGN if wire != "shelly_gen1"])  # it has no captured messages
def test_no_format_loses_a_life_safety_reading_with_its_time(wire: str, shared_dir: Path) -> None:
    """Every documented message, with every time in it replaced, gives the same life-safety readings."""
    lines = (shared_dir / "wire-samples" / f"{wire}.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line) for line in lines]
    for stated in DOUBTFUL:
        for message in messages:
            try:
                document = json.loads(message.get("payload") or "null")
            except ValueError:
                continue
            if isinstance(document, dict | list) and "scenario" not in message:
                payload = json.dumps(redated(document, stated)).encode()
                expected = alarms(Router(), message, message["payload"].encode())
                assert alarms(Router(), message, payload) == expected, (message["topic"], stated)
