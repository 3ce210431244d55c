"""Alarms of cameras, recorders and access controllers: from the message to the detection."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from detectors import Calendar, build, load_recipe
from ingest import Catalog, Intake
from ingest.decode import decoders

NOW_NS = 1_788_000_000_000_000_000
SECOND_NS = 1_000_000_000
MAC = "e0:ca:3c:00:00:34"


def found(messages: Iterable[tuple[int, str, str]]) -> set[tuple[str, str, int]]:
    """Return sensor, hazard and level of the detections; messages: second, topic and payload."""
    catalog = Catalog()
    intake, detectors = Intake(catalog, decoders()), build(load_recipe(), catalog, Calendar())
    detections = set()
    for second, topic, payload in messages:
        intake.accept([(0x32, 1 + second % 60_000, topic.encode(), payload.encode())], NOW_NS + second * SECOND_NS)
        sealed = intake.seal()
        if sealed is None:
            continue
        batch = detectors.update(sealed.batch)
        detections |= {
            (catalog[int(batch.sensor[row])].id, batch.hazard[row], int(batch.level[row])) for row in range(len(batch))
        }
    return detections


def onvif(second: int, topic: str, source: dict[str, str], **data: object) -> tuple[int, str, str]:
    """Return an ONVIF event."""
    return second, topic, json.dumps({"Source": source, "Data": data})


def hikvision(second: int, major: int, minor: int, **event: object) -> tuple[int, str, str]:
    """Return an access event without a time."""
    body = {"majorEventType": major, "subEventType": minor} | event
    return second, "hikvision/g/AccessControllerEvent", json.dumps({"macAddress": MAC, "AccessControllerEvent": body})


def test_covered_camera_behind_a_recorder_is_found() -> None:
    """Clear pictures of the other channels do not end the alarm of the covered one."""
    topic = "nvr1/onvif-ej/VideoSource/GlobalSceneChange/ImagingService/&{}"
    messages = [
        onvif(second, topic.format(channel), {"Source": str(channel)}, State=channel == 2)
        for second in range(0, 1_200, 20)
        for channel in (1, 2, 3)
    ]
    assert found(messages) == {("nvr1/2", "camera_blind", 1), ("nvr1/2", "camera_blind", 2)}


def test_heartbeats_do_not_end_a_covered_picture() -> None:
    """A Hikvision camera sends videoloss inactive as its heartbeat."""
    topic = "hikvision/cam/{}"
    body = {"macAddress": MAC, "channelID": 1}
    messages = [(0, topic.format("shelteralarm"), json.dumps(body | {"eventType": "shelteralarm"}))] + [
        (second, topic.format("videoloss"), json.dumps(body | {"eventType": "videoloss", "eventState": "inactive"}))
        for second in range(10, 200, 10)
    ]
    assert (f"{MAC}/channel1", "camera_blind", 1) in found(messages)


def test_fire_alarm_that_a_camera_detects_by_sound_is_found() -> None:
    """Thirty seconds of a fire alarm's sound page; a beep does not."""
    sound = "frigate/hall/audio/fire_alarm"
    lasting = [(second, sound, "ON") for second in range(0, 40, 2)]
    assert ("hall", "fire", 2) in found(lasting)
    assert found([(0, sound, "ON"), (2, sound, "OFF"), (60, sound, "OFF")]) == set()


def frigate(second: int, phase: str, track: str, *, zone: str = "waterside") -> tuple[int, str, str]:
    """Return an event of a tracked person without a time."""
    zones = {"entered_zones" if phase == "end" else "current_zones": [zone]}
    after = {"id": track, "camera": "pond", "label": "person"} | zones
    return second, "frigate/events", json.dumps({"type": phase, "after": after})


def test_person_at_water_stays_while_another_leaves() -> None:
    """The end of one tracked person does not end the alarm of a second one."""
    first = [frigate(0, "new", "a"), frigate(1, "new", "b"), frigate(6, "end", "a")]
    later = [(second, "frigate/pond/motion", "OFF") for second in range(7, 60, 5)]
    alone = [frigate(0, "new", "a"), frigate(6, "end", "a")]
    assert ("pond", "person_at_water", 2) in found([*first, *later])
    assert ("pond", "person_at_water", 2) not in found([*alone, *later])


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([hikvision(0, 1, 1048), hikvision(1, 1, 1048)], (f"{MAC}/fire_button", "fire", 2)),
        ([hikvision(0, 1, 1045), hikvision(1, 1, 1045)], (f"{MAC}/fire_input", "fire", 2)),
        ([hikvision(0, 1, 1052)], (f"{MAC}/emergency_button", "emergency_call", 2)),
        ([hikvision(0, 1, 1034, doorNo=1)], (f"{MAC}/door1", "emergency_call", 2)),
        ([hikvision(0, 5, 27, doorNo=1), hikvision(2, 5, 25, doorNo=1)], (f"{MAC}/door1", "gate_forced", 2)),
        ([hikvision(0, 1, 1030, cardReaderNo=2)], (f"{MAC}/reader2", "tamper", 1)),
        (
            [
                onvif(second, "cam/onvif-ej/RuleEngine/FireDetector/Alarm/&1/Hall", {"VideoSource": "1"}, State=True)
                for second in range(0, 10, 2)
            ],
            ("cam", "fire", 2),
        ),
        (
            [
                onvif(*(second, "door/onvif-ej/Door/State/DoorAlarm/&D1", {"DoorToken": "D1"}), State="DoorForcedOpen")
                for second in (0, 2)
            ],
            ("door/D1", "gate_forced", 2),
        ),
    ],
)
def test_alarm_of_a_device_is_a_detection(messages: list[tuple[int, str, str]], expected: tuple[str, str, int]) -> None:
    """Fire buttons, duress codes, forced doors and tampered readers need no time and no further reading."""
    assert expected in found(messages)
