"""Kinds of input that every format may send: two sources of one device, a test, an unread value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.decode import FOREIGN, Reading, Router
from ingest.decode.sparkplug_schema import Payload
from ingest.vocabulary import Quality

NOW_NS = 1_795_161_600_000_000_000
TIME = "2026-11-20T08:00:00Z"
EUI = "0101010101010101"
Messages = list[tuple[str, bytes]]


def text(document: Any) -> bytes:
    """Return a document as JSON."""
    return json.dumps(document).encode()


def born(*metrics: tuple[str, Any]) -> Messages:
    """Return the birth of a Sparkplug device with these metrics."""
    node, device = Payload(timestamp=NOW_NS // 1_000_000, seq=0), Payload(timestamp=NOW_NS // 1_000_000, seq=1)
    for name, value in metrics:
        if isinstance(value, bool):
            device.metrics.add(name=name, datatype=11, boolean_value=value)
        elif isinstance(value, str):
            device.metrics.add(name=name, datatype=12, string_value=value)
        else:
            device.metrics.add(name=name, datatype=10, double_value=value)
    return [("spBv1.0/g/NBIRTH/n", node.SerializeToString()), ("spBv1.0/g/DBIRTH/n/d", device.SerializeToString())]


def uplink(fields: dict[str, Any], **more: Any) -> Messages:
    """Return an uplink of ChirpStack."""
    return [(f"application/a/device/{EUI}/event/up", text({"time": TIME, "object": fields} | more))]


def tts(fields: dict[str, Any], **more: Any) -> Messages:
    """Return an uplink of The Things Stack."""
    return [("v3/a@t/devices/d/up", text({"uplink_message": {"received_at": TIME, "decoded_payload": fields}} | more))]


def shelly(params: dict[str, Any]) -> Messages:
    """Return a notification of a Shelly."""
    ts = NOW_NS / 10**9
    return [("shelly-1/events/rpc", text({"src": "shelly-1", "method": "NotifyStatus", "params": {"ts": ts} | params}))]


def homie(properties: dict[str, Any], values: dict[str, str]) -> Messages:
    """Return the description of a Homie device and its values."""
    nodes = {name: {"properties": {"temperature": about}} for name, about in properties.items()}
    about = {"homie": "5.0", "version": 1, "nodes": nodes}
    found = [("homie/5/d/$description", text(about)), ("homie/5/d/$state", b"ready")]
    return found + [(f"homie/5/d/{name}/temperature", value.encode()) for name, value in values.items()]


def decode(messages: Messages) -> list[Reading]:
    """Return the readings of the messages, in order, by a new decoder of each format."""
    router = Router()
    return [
        reading
        for topic, payload in messages
        for reading in router.decode(topic, payload, retained=False, now_ns=NOW_NS).readings
    ]


def announced(name: str) -> tuple[str, bytes]:
    """Return the announcement of a temperature of one device in Home Assistant's discovery."""
    about = {
        "unique_id": f"board_{name}",
        "device_class": "temperature",
        "unit_of_measurement": "°C",
        "state_topic": "board/state",
        "value_template": f"{{{{ value_json.{name} }}}}",
        "device": {"identifiers": ["board"]},
    }
    return f"homeassistant/sensor/board/{name}/config", text(about)


SOURCES: dict[str, Messages] = {
    "chirpstack": uplink({"temperatureSensor": {"1": 21.0, "2": 95.0}}),
    "tts_v3": tts({"temperature_1": 21.0, "temperature_2": 95.0}),
    "senml": [
        (
            "campus/senml/g",
            text(
                [{"bn": f"urn:dev:{p}:", "n": "temperature", "u": "Cel", "v": v} for p, v in (("a", 21.0), ("b", 95.0))]
            ),
        )
    ],
    "sparkplug_b": born(("P1/Temperature", 21.0), ("P2/Temperature", 95.0)),
    "tasmota": [
        (
            "tele/labs/SENSOR",
            text(
                {
                    "DS18B20-1": {"Id": "01", "Temperature": 21.0},
                    "DS18B20-2": {"Id": "02", "Temperature": 95.0},
                    "TempUnit": "C",
                }
            ),
        )
    ],
    "shelly_gen1": [("shellies/labs/ext_temperature/0", b"21"), ("shellies/labs/ext_temperature/1", b"95")],
    "shelly_gen2": shelly({"temperature:100": {"id": 100, "tC": 21.0}, "temperature:101": {"id": 101, "tC": 95.0}}),
    "homie": homie({key: {"datatype": "float", "unit": "°C"} for key in ("a", "b")}, {"a": "21", "b": "95"}),
    "esphome": [("labs/sensor/north_temperature/state", b"21"), ("labs/sensor/south_temperature/state", b"95")],
    "ha_discovery": [announced("t1"), announced("t2"), ("board/state", text({"t1": 21.0, "t2": 95.0}))],
    "zigbee2mqtt": [("zigbee2mqtt/labs", text({"temperature_l1": 21.0, "temperature_l2": 95.0}))],
}
"""Two temperatures of one device."""


@pytest.mark.parametrize("name", SOURCES)
def test_two_sources_of_one_device_are_two_sensors(name: str) -> None:
    """No sensor has both temperatures."""
    found = [reading for reading in decode(SOURCES[name]) if reading.value in (21.0, 95.0)]
    assert sorted(reading.value for reading in found) == [21.0, 95.0]
    assert len({(reading.sensor, reading.metric) for reading in found}) == 2
    assert {reading.metric.rpartition("_")[2] for reading in found} == {"temperature"}  # ESPHome: the entity's name


TESTS: dict[str, Messages] = {
    "native": [("campus/s1/smoke/a", text({"smoke": True, "test": True}))],
    "chirpstack": uplink({"smoke": True, "test": True}),
    "tts_v3": tts({"smoke": True}, simulated=True),
    "senml": [("campus/senml/g", text([{"bn": "urn:dev:a:", "n": "smoke", "vb": True}, {"n": "test", "vb": True}]))],
    "sparkplug_b": born(("Smoke", True), ("Self Test", True)),
    "zigbee2mqtt": [("zigbee2mqtt/a", text({"smoke": True, "test": True}))],
}
"""A smoke alarm during a test."""


@pytest.mark.parametrize("name", TESTS)
def test_an_alarm_during_a_test_is_a_test(name: str) -> None:
    """The reading is stored with quality test; without the flag it would be an alarm."""
    assert {reading.quality for reading in decode(TESTS[name]) if reading.metric == "smoke"} == {Quality.TEST}


UNREAD: dict[str, Messages] = {
    "chirpstack": uplink({"mood": "grey"}),
    "tts_v3": tts({"mood": "grey"}),
    "senml": [("campus/senml/g", text([{"n": "urn:dev:a:mood", "vs": "grey"}]))],
    "sparkplug_b": born(("Mood", "grey")),
    "tasmota": [("tele/labs/SENSOR", text({"SHT3X": {"Mood": "grey"}}))],
    "shelly_gen2": shelly({"smoke:0": {"id": 0, "mood": "grey"}}),
    "zigbee2mqtt": [("zigbee2mqtt/a", text({"mood": "grey"}))],
}
"""A value that no table knows."""


@pytest.mark.parametrize("name", UNREAD)
def test_a_value_without_a_reading_is_unread(name: str) -> None:
    """The key is named."""
    router = Router()
    found = [router.decode(topic, payload, retained=False, now_ns=NOW_NS).unread for topic, payload in UNREAD[name]]
    assert [key for keys in found for key in keys if "mood" in key.lower()]


def test_the_tables_name_formats() -> None:
    """Each key of the tables is a format."""
    assert {*SOURCES, *TESTS, *UNREAD} <= {*FOREIGN, "native"}
