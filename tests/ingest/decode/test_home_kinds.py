"""Kinds of faults over the formats of homes and workshops: one table of messages for each kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.decode import Decoded, Router

NOW_NS = 1_795_161_600_000_000_000
ABOUT = {
    "homie": ("homie/5/d/$description", {"nodes": {"n": {"properties": {
        "temperature": {"datatype": "float", "unit": "°C"}, "cpu-temperature": {"datatype": "float", "unit": "°C"},
        "smoke": {"datatype": "boolean"}, "mode": {"datatype": "string"}, "depth": {"datatype": "float"}}}}}),
    "ha": ("homeassistant/device/d/config", {"stat_t": "h/d", "cmps": {
        "t": {"p": "sensor", "uniq_id": "t", "dev_cla": "temperature", "unit_of_meas": "°C",
              "val_tpl": "{{ value_json.t }}"},
        "c": {"p": "sensor", "uniq_id": "c", "name": "ESP32 temperature", "dev_cla": "temperature",
              "unit_of_meas": "°C", "val_tpl": "{{ value_json.c }}"},
        "s": {"p": "binary_sensor", "uniq_id": "s", "dev_cla": "smoke", "val_tpl": "{{ value_json.s }}",
              "pl_on": True, "pl_off": False}}}),
}  # fmt: skip
Found = tuple[str, float]
TEXT_NUMBERS = [
    ("zigbee2mqtt/d", '{"temperature": "%s"}'),
    ("tele/d/SENSOR", '{"DS18B20": {"Temperature": "%s"}}'),
    ("d/sensor/temperature/state", "%s"),
    ("homie/5/d/n/temperature", "%s"),
    ("h/d", '{"t": "%s"}'),
]
CHIPS = [
    ("zigbee2mqtt/d", '{"device_temperature": 61.5}'),
    ("tele/d/SENSOR", '{"ESP32": {"Temperature": 61.5}}'),
    ("s/status/switch:0", '{"temperature": {"tC": 61.5}}'),
    ("d/sensor/internal_temperature/state", "61.5"),
    ("homie/5/d/n/cpu-temperature", "61.5"),
    ("h/d", '{"c": 61.5}'),
]
TESTS = [
    ("zigbee2mqtt/d", '{"smoke": true, "test": true}'),
    ("zigbee2mqtt/d", '{"smoke": true, "self_test": "checking"}'),
    ("tele/d/SENSOR", '{"ZbReceived": {"0x1": {"ZoneStatus": 257, "Fire": 1}}}'),
    (
        "s/events/rpc",
        '{"method": "NotifyEvent", "params": {"events": [{"component": "smoke:0", "event": "alarm_test"}]}}',
    ),
    ("h/d", '{"s": true, "test": true}'),
    ("h/d", '{"s": true, "simulated": true}'),
]
UNREAD = [
    ("zigbee2mqtt/d", '{"radon": 3}'),
    ("tele/d/SENSOR", '{"X1": {"Radon": 3}}'),
    ("s/status/radon:0", '{"bq": 3}'),
    ("homie/5/d/n/mode", "radon"),
    ("h/d", '{"radon": 3}'),
]
NAN = [
    ("tele/d/SENSOR", '{"DHT11": {"Temperature": nan}}'),
    ("d/sensor/temperature/state", "nan"),
    ("homie/5/d/n/temperature", "nan"),
    ("h/d", '{"t": nan}'),
]
CLOCKS = [
    ("zigbee2mqtt/d", '{"smoke": true, "last_seen": %s}'),
    ("tele/d/SENSOR", '{"Smoke": "ON", "Time": %s}'),
    ("s/events/rpc", '{"method": "NotifyStatus", "params": {"ts": %s, "smoke:0": {"alarm": true}}}'),
]
ASLEEP = [("tele/d/LWT", "DeepSleep"), ("shellyplusht-1/online", "false"), ("homie/5/d/$state", "sleeping")]


def decode(topic: str, payload: str) -> Decoded:
    """Decode one live message after the descriptions."""
    router = Router()
    for about, document in ABOUT.values():
        router.decode(about, json.dumps(document).encode(), retained=True, now_ns=NOW_NS)
    return router.decode(topic, payload.encode(), retained=False, now_ns=NOW_NS)


def values(decoded: Decoded) -> list[Found]:
    """Return metric and value of the readings."""
    return [(reading.metric, reading.value) for reading in decoded.readings]


@pytest.mark.parametrize(("topic", "payload"), TEXT_NUMBERS)
@pytest.mark.parametrize(
    ("text", "celsius"),
    [("21,5", 21.5), ("21.5 °C", 21.5), ("70.7°F", 21.5), ("294.65K", 21.5), ("1,016", None), ("21.5 V", None)],
)
def test_text_of_a_number_is_used_or_refused(topic: str, payload: str, text: str, celsius: float | None) -> None:
    """Commas and units never give another number."""
    decoded = decode(topic, payload % text)
    wanted: list[Any] = [] if celsius is None else [("temperature", pytest.approx(celsius))]
    assert values(decoded) == wanted
    assert bool(decoded.rejects) == (celsius is None)


@pytest.mark.parametrize(("topic", "payload"), CHIPS)
def test_a_processor_is_no_room(topic: str, payload: str) -> None:
    """Its temperature is a fact of the device."""
    decoded = decode(topic, payload)
    assert values(decoded) == [("chip_temperature", 61.5)]
    assert decoded.readings[0].kind == "device"


@pytest.mark.parametrize(("topic", "payload"), TESTS)
def test_a_test_is_a_test(topic: str, payload: str) -> None:
    """No state of a detector beside the mark counts as real."""
    decoded = decode(topic, payload)
    states = [reading for reading in decoded.readings if reading.kind != "device"]
    assert states
    assert {reading.quality.name for reading in states} == {"TEST"}


@pytest.mark.parametrize(("topic", "payload"), UNREAD)
def test_nothing_is_dropped_without_a_record(topic: str, payload: str) -> None:
    """A key or a text without a meaning is unread."""
    decoded = decode(topic, payload)
    assert decoded.unread
    assert not decoded.readings


@pytest.mark.parametrize(("topic", "payload"), NAN)
def test_nan_is_a_fault(topic: str, payload: str) -> None:
    """It is no value and no error of the message."""
    decoded = decode(topic, payload)
    assert values(decoded) == [("fault", 1.0)]
    assert not decoded.rejects


@pytest.mark.parametrize(("topic", "payload"), CLOCKS)
@pytest.mark.parametrize("given", ["7.3", "-5", '"soon"', "1e30", "true", '"2026-02-30T00:00:00"', "null", "{}"])
def test_no_time_costs_an_alarm(topic: str, payload: str, given: str) -> None:
    """Any time, or none, leaves the alarm."""
    decoded = decode(topic, payload % given)
    assert values(decoded) == [("smoke", 1.0)]
    assert not decoded.rejects


@pytest.mark.parametrize(("topic", "payload"), ASLEEP)
def test_asleep_is_not_lost(topic: str, payload: str) -> None:
    """The announcement of a sleep is marked."""
    assert [state.asleep for state in decode(topic, payload).availability] == [True]
