"""Hikvision: each known code is read or has a reason; doors, readers and channels are sensors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingest import METRIC_BY_NAME, Quality
from ingest.decode.contract import Decoded
from ingest.decode.hikvision_codes import (
    CAMERA_EVENTS,
    CODES,
    IGNORED,
    IGNORED_ALARMS,
    IGNORED_EVENTS,
    IGNORED_EXCEPTIONS,
    PARTS,
    reason_of,
)
from ingest.decode.hikvision_isapi import HikvisionIsapiDecoder

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats" / "hikvision_isapi.md"
MAC = "e0:ca:3c:00:00:34"


def push(decoder: HikvisionIsapiDecoder, kind: str = "AccessControllerEvent", **document: Any) -> Decoded:
    """Decode one event of a device."""
    body = {"macAddress": MAC, "eventType": kind, "dateTime": "2026-09-08T07:42:18+08:00"} | document
    return decoder.decode(f"hikvision/g/{kind}", json.dumps(body).encode(), retained=False, now_ns=0)


def access(decoder: HikvisionIsapiDecoder, major: int, minor: int, **event: Any) -> Decoded:
    """Decode one access event."""
    return push(decoder, AccessControllerEvent={"majorEventType": major, "subEventType": minor} | event)


@pytest.mark.parametrize(("major", "minor"), sorted(CODES))
def test_code_gives_its_reading_at_its_part(major: int, minor: int) -> None:
    """Every code of the table gives a known metric at the numbered part of the controller."""
    numbers = {part.key: 2 for part in PARTS.values()}
    code = CODES[major, minor]
    (reading,) = access(HikvisionIsapiDecoder(), major, minor, **numbers).readings
    part = PARTS.get(code.part)
    assert reading.sensor == (f"{MAC}/{part.name}2" if part else f"{MAC}/{code.part}" if code.part else MAC)
    assert (reading.metric, reading.value) == (code.metric, code.value)
    assert METRIC_BY_NAME[reading.metric].unit == reading.unit
    assert not reason_of(major, minor) or major == 3


@pytest.mark.parametrize(
    ("major", "minor"),
    [
        (major, minor)
        for major, table in ((5, IGNORED), (1, IGNORED_ALARMS), (2, IGNORED_EXCEPTIONS))
        for spans in table.values()
        for span in spans
        for minor in span
    ],
)
def test_ignored_code_is_not_unread(major: int, minor: int) -> None:
    """A code of the tables without a reading has a reason and no meaning."""
    decoded = access(HikvisionIsapiDecoder(), major, minor, doorNo=1)
    assert decoded.ignored
    assert not [*decoded.readings, *decoded.unread, *decoded.notices]
    assert (major, minor) not in CODES


def test_all_codes_of_doors_up_to_0x9b_are_known() -> None:
    """The vendor's list of door events has gaps at 0x6a to 0x6f, 0x79 to 0x81 and 0x90 to 0x96."""
    gaps = {*range(0x6A, 0x70), *range(0x79, 0x82), *range(0x90, 0x97)}
    unknown = [minor for minor in range(1, 0x9C) if (5, minor) not in CODES and not reason_of(5, minor)]
    assert set(unknown) == gaps


def test_unknown_code_is_unread() -> None:
    """A code outside the tables is counted, with a notice."""
    decoded = access(HikvisionIsapiDecoder(), 5, 999, doorNo=1)
    assert (decoded.unread, decoded.notices) == (("5/999",), ("unknown_event",))


def test_event_has_door_reader_and_direction() -> None:
    """Reader and direction are labels; a terminal of one door without a number has the device's name."""
    decoder = HikvisionIsapiDecoder()
    (there,) = access(decoder, 5, 75, doorNo=2, cardReaderNo=3, attendanceStatus="checkOut", serialNo=9).readings
    assert (there.sensor, there.device) == (f"{MAC}/door2", MAC)
    assert there.dims == {"serial": 9, "reader": 3, "direction": "out"}
    (alone,) = access(decoder, 5, 75, cardReaderNo=1).readings
    assert (alone.sensor, alone.device) == (MAC, "")


def test_backfill_is_history_and_doubtful_time_is_not_withheld() -> None:
    """A stored event is history; a forced door with an unusable time is read at its arrival."""
    decoder = HikvisionIsapiDecoder()
    assert access(decoder, 5, 27, doorNo=1, currentEvent=False).readings[0].quality is Quality.HISTORICAL
    document = {"majorEventType": 5, "subEventType": 27, "doorNo": 1}
    (reading,) = push(decoder, AccessControllerEvent=document, dateTime="soon").readings
    assert (reading.value, reading.time_ns, reading.doubt) == (1.0, None, "time_format")


def test_fault_of_a_door_ends_with_its_next_reading() -> None:
    """The controller has no code for the end of a fault of the wiring."""
    decoder = HikvisionIsapiDecoder()
    access(decoder, 5, 86, doorNo=1)
    found = [(reading.metric, reading.value) for reading in access(decoder, 5, 25, doorNo=1).readings]
    assert found == [("fault", 0.0), ("open", 1.0)]


def test_heartbeat_does_not_end_a_covered_picture() -> None:
    """Cameras send videoloss inactive as heartbeat; a covered picture of the same channel stays blind."""
    decoder = HikvisionIsapiDecoder()
    first = push(decoder, "shelteralarm", channelID=3, eventState="active")
    again = HikvisionIsapiDecoder()
    again.recall([(key, value) for key, value in first.memory.items() if value])
    for each in (decoder, again):
        (reading,) = push(each, "videoloss", channelID=3, eventState="inactive").readings
        assert (reading.sensor, reading.metric, reading.value) == (f"{MAC}/channel3", "blind", 1.0)
    (other,) = push(decoder, "videoloss", channelID=4, eventState="inactive").readings
    assert (other.sensor, other.value) == (f"{MAC}/channel4", 0.0)
    assert push(decoder, "shelteralarm", channelID=3, eventState="inactive").readings[0].value == 0.0


@pytest.mark.parametrize("kind", sorted(CAMERA_EVENTS))
def test_event_of_a_camera_is_read(kind: str) -> None:
    """Every type of the table gives a known metric."""
    (reading,) = push(HikvisionIsapiDecoder(), kind, channelID=1, eventState="active").readings
    assert METRIC_BY_NAME[reading.metric].unit == reading.unit
    assert reading.sensor == f"{MAC}/channel1"


def test_counts_of_people_are_read() -> None:
    """A people counter gives both totals."""
    counts = {"statisticalMethods": "realTime", "enter": 5, "exit": 4}
    decoded = push(HikvisionIsapiDecoder(), "PeopleCounting", channelID=1, peopleCounting=counts)
    assert [(reading.metric, reading.value) for reading in decoded.readings] == [
        ("people_in_total", 5.0),
        ("people_out_total", 4.0),
    ]


def test_codes_are_documented() -> None:
    """The page has every code with its reading, and no other."""
    table = PAGE.read_text(encoding="utf-8").partition("Codes without a reading")[0]
    rows = [row for row in table.splitlines() if row.startswith("|")]
    found = {(int(major), int(minor)) for row in rows for major, minor in re.findall(r"(\d+)/(\d+)", row)}
    assert found == set(CODES)


def test_event_types_are_documented() -> None:
    """The page lists the types of cameras' events."""
    page = PAGE.read_text(encoding="utf-8")
    assert not [kind for kind in (*CAMERA_EVENTS, *IGNORED_EVENTS) if f"`{kind}`" not in page]
