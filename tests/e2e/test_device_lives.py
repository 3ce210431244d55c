"""Lives of devices in every format: from the messages of a bridge to findings with a place."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alerts import read_registry
from alerts.hazards.findings import observations
from detectors import Calendar, DetectorSet, Phase, load_recipe
from ingest import BatchSettings, Catalog, Intake, Sealed
from ingest.decode import FOREIGN, decoders

START_NS = 1_795_000_000_000_000_000
SECOND_NS = 1_000_000_000
SITE = "school-1"


class Message(NamedTuple):
    """Topic and payload; a mapping is sent as JSON."""

    topic: str
    payload: Any = ""
    retain: bool = False

    @property
    def frame(self) -> tuple[int, int, bytes, bytes]:
        """The message as the client receives it."""
        body = self.payload if isinstance(self.payload, str | bytes) else json.dumps(self.payload)
        return 0x31 if self.retain else 0x30, 0, self.topic.encode(), body.encode() if isinstance(body, str) else body


class School:
    """One declared sensor in a dormitory room; each message is a batch, and a tick follows each second."""

    def __init__(self, sensor: str, kind: str) -> None:
        self.registry = read_registry(
            {
                "site": [{"id": SITE}],
                "zone": [{"site": SITE, "id": "dorm", "key": "dormitory"}],
                "place": [{"site": SITE, "zone": "dorm", "id": "room-114"}],
                "sensor": [{"site": SITE, "id": sensor, "kind": kind, "place": "room-114"}],
            }
        )
        self.catalog = Catalog(self.registry.sensors)
        self.intake = Intake(self.catalog, decoders(FOREIGN), batch=BatchSettings(age_s=10))
        recipe = load_recipe()
        rules = tuple(
            rule for rule in recipe.rules if rule.hazard in {"fire", "sensor_silent", "detector_lost", "flood"}
        )
        self.detectors = DetectorSet(replace(recipe, rules=rules), self.catalog, Calendar())
        self.now_ns = START_NS

    def play(self, messages: Sequence[Message], *, then_s: int = 3) -> list[tuple[str, str, str, str]]:
        """Return (phase, hazard, sensor, place) of the findings of these messages and the seconds after them."""
        found = []
        for message in messages:
            self.intake.accept([message.frame], self.now_ns)
            found += self._score(self.intake.seal())
            found += self._wait(1)
        return found + self._wait(then_s)

    def _wait(self, seconds: int) -> list[tuple[str, str, str, str]]:
        found = []
        for _ in range(seconds):
            self.now_ns += SECOND_NS
            self.intake.tick(self.now_ns)
            found += self._score(self.intake.seal())
        return found

    def _score(self, sealed: Sealed | None) -> list[tuple[str, str, str, str]]:
        if sealed is None or not len(sealed.batch):
            return []
        detections = self.detectors.update(sealed.batch)
        seen = observations(detections, self.catalog, self.registry, assigned={}, now_ns=self.now_ns)
        return [(one.phase.name, one.finding.kind, one.finding.sensor, one.place) for one in seen]


def report(shared: Path, name: str) -> list[Message]:
    """Return the messages of a field report."""
    lines = [json.loads(line) for line in (shared / f"field-reports/{name}.jsonl").read_text().splitlines()]
    return [
        Message(
            line["topic"],
            base64.b64decode(line["payload_b64"]) if "payload_b64" in line else line["payload"],
        )
        for line in lines
    ]


def test_a_fire_after_a_rename_is_in_the_room_of_the_old_name(shared_dir: Path) -> None:
    """R05: Zigbee2MQTT renames a declared head; its place follows."""
    school = School("0x0015bc003100702a", "smoke")
    assert school.play(report(shared_dir, "R05-z2m-rename")) == []
    fire = Message("zigbee2mqtt/dorm2-smoke-114", {"smoke": True})
    assert school.play([fire]) == [(Phase.RAISE.name, "fire", "dorm2-smoke-114", "room-114")]


CLEARED = {
    "zigbee2mqtt, removed by a person": (
        "head",
        [Message("zigbee2mqtt/head", {"smoke": False})],
        [Message("zigbee2mqtt/bridge/response/device/remove", {"data": {"id": "head"}, "status": "ok"})],
    ),
    "zigbee2mqtt, left the network": (
        "head",
        [Message("zigbee2mqtt/head", {"smoke": False})],
        [Message("zigbee2mqtt/bridge/event", {"type": "device_leave", "data": {"friendly_name": "head"}})],
    ),
    "zigbee2mqtt, missing in the list": (
        "head",
        [
            Message(
                "zigbee2mqtt/bridge/devices", [{"type": "EndDevice", "ieee_address": "0x1", "friendly_name": "head"}]
            ),
            Message("zigbee2mqtt/head", {"smoke": False}),
        ],
        [Message("zigbee2mqtt/bridge/devices", [{"type": "Coordinator", "ieee_address": "0x0"}])],
    ),
    "zigbee2mqtt, cleared state": (
        "head",
        [Message("zigbee2mqtt/head", {"smoke": False})],
        [Message("zigbee2mqtt/head")],
    ),
    "tasmota": (
        "head",
        [Message("tele/head/LWT", "Online"), Message("tele/head/SENSOR", {"AM2301": {"Temperature": 20.1}})],
        [Message("tele/head/LWT")],
    ),
    "shelly_gen2": (
        "shellyplussmoke-1",
        [Message("shellyplussmoke-1/status/smoke:0", {"id": 0, "alarm": False})],
        [Message("shellyplussmoke-1/online")],
    ),
    "ha_discovery": (
        "head-smoke",
        [
            Message(
                "homeassistant/binary_sensor/head/config",
                {"unique_id": "head-smoke", "device_class": "smoke", "state_topic": "x/head/state"},
            ),
            Message("x/head/state", "OFF"),
        ],
        [Message("homeassistant/binary_sensor/head/config")],
    ),
    "homie": (
        "head/main/smoke",
        [
            Message("homie/head/$homie", "4.0.0"),
            Message("homie/head/$state", "ready"),
            Message("homie/head/main/smoke/$datatype", "boolean"),
            Message("homie/head/main/smoke", "false"),
        ],
        [Message("homie/head/$state")],
    ),
}


@pytest.mark.parametrize("case", CLEARED)
def test_a_removed_device_is_a_finding_at_its_place(case: str) -> None:
    """One finding of the sensor, until its next message."""
    sensor, connected, removed = CLEARED[case]
    school = School(sensor, "smoke")
    assert school.play(connected) == []
    found = school.play(removed)
    lost = [(phase, place) for phase, kind, _, place in found if kind in {"sensor_silent", "gateway_silent"}]
    assert ("RAISE", "room-114") in lost
    known = school.catalog.find(SITE, sensor)
    assert known is not None
    assert known.removed
    cleared = [(phase, kind) for phase, kind, *_ in school.play(connected)]
    assert {("CLEAR", "sensor_silent"), ("CLEAR", "gateway_silent")} & set(cleared)


def test_a_sleeping_gauge_is_not_lost(shared_dir: Path) -> None:
    """R09: Tasmota announces its sleep; neither that nor a last will after it is a loss."""
    school = School("meadow-gauge", "water")
    messages = report(shared_dir, "R09-tasmota-deepsleep-lwt")
    assert school.play([*messages, Message("tele/meadow-gauge/LWT", "Offline")]) == []


HEAD = Message("zigbee2mqtt/head", {"smoke": False})
LOST: dict[str, list[Message]] = {
    "never reported": [],
    "retained messages alone": [
        HEAD._replace(retain=True),
        Message("zigbee2mqtt/head/availability", {"state": "offline"}, retain=True),
    ],
    "announced offline": [HEAD, Message("zigbee2mqtt/head/availability", {"state": "offline"})],
    "bridge offline": [
        Message("zigbee2mqtt/bridge/state", {"state": "online"}),
        HEAD,
        Message("zigbee2mqtt/bridge/state", {"state": "offline"}),
    ],
    "removed": [HEAD, Message("zigbee2mqtt/bridge/response/device/remove", {"data": {"id": "head"}, "status": "ok"})],
    "even messages that end": [HEAD._replace(payload={"smoke": False, "battery": n}) for n in range(100, 40, -1)],
}


@pytest.mark.parametrize("case", LOST)
def test_a_sleeping_room_without_a_working_detector_is_found_in_ten_minutes(case: str) -> None:
    """The head has no declared period; its next message ends the finding."""
    school = School("head", "smoke")
    found = school.play(LOST[case], then_s=605)
    assert [row[:3] for row in found if row[1] == "detector_lost"] == [("RAISE", "detector_lost", "head")]
    assert {place for *_, place in found} <= {"room-114", "unassigned:bridge"}
    assert ("CLEAR", "detector_lost", "head", "room-114") in school.play([HEAD], then_s=0)


def test_a_detector_that_reports_daily_is_not_lost_between_its_messages() -> None:
    """Without a period and without an announcement, its room has a working detector for 25 hours."""
    school = School("head", "smoke")
    assert school.play([HEAD], then_s=3_600) == []
