"""Shelly Gen2 and later: `{device}/events/rpc`, `{device}/status/{component}`, `{device}/online`.

Source: shelly-api-docs.shelly.cloud/gen2: General/Notifications, ComponentsAndServices (Mqtt, Smoke, Flood,
Temperature, Humidity, DevicePower, Input, Switch, Illuminance, Voltmeter). A status carries only the changed fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .contract import Decoded, Reading, Reject
from .document import branch, epoch_ns, gathered, number_of, read_object, refuse
from .presence import read_presence

_TOPIC = re.compile(r"([^/]+)/(?:(events/rpc)|(online)|status/([a-z_0-9]+(?::\d{1,4})?)|(rpc|command(?:/.*)?))")
_COMPONENT = re.compile(r"([a-z_0-9]+)(?::(\d{1,4}))?", re.ASCII)
_COMPONENTS_MAX = 128
# component -> key -> (kind, metric, unit); booleans have the unit bool
_KEYS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "smoke": {"alarm": ("smoke", "smoke", "bool")},
    "flood": {"alarm": ("water", "leak", "bool")},
    "temperature": {"tC": ("env", "temperature", "Cel")},
    "humidity": {"rh": ("env", "humidity", "%")},
    "illuminance": {"lux": ("env", "illuminance", "lx")},
    "presence": {"state": ("gate", "occupancy", "bool")},
    "voltmeter": {"voltage": ("env", "voltage", "V")},
    "switch": {
        "apower": ("env", "power", "W"),
        "current": ("env", "current", "A"),
        "voltage": ("env", "voltage", "V"),
    },
    "wifi": {"rssi": ("device", "rssi", "dBm")},
}


class ShellyGen2Decoder:
    """Decoder of Shelly's notifications. Holds no state.

    An input keeps its own name (`input0`), because the format does not name the connected device. A further component
    of one kind (`temperature:101`) is a separate sensor, `device/temperature:101`.

    Works badly for: topic prefixes of several levels; Gen1 devices.

    >>> decoded = ShellyGen2Decoder().decode("shellyplussmoke-1/status/smoke:0", b'{"alarm": true}', retained=False,
    ...                                      now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('smoke', 1.0)]
    """

    name = "shelly_gen2"
    subscriptions: Sequence[str] = ("+/events/rpc", "+/online", "+/status/+")

    def claims(self, topic: str) -> bool:
        """Return True for a topic that has the form of a device's topic."""
        return _TOPIC.fullmatch(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002, PLR0911 - contract; a return a case
        """Decode one message."""
        found = _TOPIC.fullmatch(topic)
        if found is None or found[5]:
            return Decoded(ignored="command")
        device, component = found[1], found[4]
        if found[3]:
            return read_presence(device, payload, {"true": True, "false": False})
        if not payload:
            return Decoded(ignored="forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        if component:
            return _meaning(device, {component: document}, None)
        if document.get("method") not in ("NotifyStatus", "NotifyFullStatus"):
            return Decoded(ignored="event")
        params = document.get("params")
        if not isinstance(params, dict):
            return refuse(Reject("type", "a notification has params"))
        time_ns = epoch_ns(params.get("ts"))
        if params.get("ts") is not None and time_ns is None:
            return refuse(Reject("time_format", "ts is seconds since 1970"))
        return _meaning(device, params, time_ns)


def _meaning(device: str, status: Mapping[str, Any], time_ns: int | None) -> Decoded:
    readings: list[Reading] = []
    rejects: list[Reject] = []
    notices: list[str] = []
    for key, fields in list(status.items())[:_COMPONENTS_MAX]:
        named = _COMPONENT.fullmatch(key)
        if named is None or not isinstance(fields, dict):
            continue
        for found in _component(device, named[1], named[2] or "0", fields):
            if isinstance(found, Reject):
                rejects.append(found)
                continue
            sensor, kind, metric, value, unit = found
            readings.append(Reading(sensor, kind, metric, value, unit, time_ns=time_ns))
            if metric == "fault":
                notices.append(f"sensor_fault: {key}")
    return gathered(readings, rejects, notices=notices)


def _component(
    device: str, word: str, index: str, fields: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, float, str] | Reject]:
    """Yield sensor, kind, metric, value and unit of one component; null is no measurement."""
    sensor = device if index == "0" else f"{device}/{word}:{index}"
    if fields.get("errors"):
        yield sensor, "device", "fault", 1.0, "bool"
        return
    for key, (kind, metric, unit) in _keys(word, index).items():
        value = fields.get(key)
        if value is None:
            continue
        number = float(value) if unit == "bool" and isinstance(value, bool) else None
        if unit != "bool":
            number = number_of(value)
        if number is None:
            yield Reject("type", f"{word}:{index} {key} is of a wrong type")
        else:
            yield (device if word == "input" else sensor), kind, metric, number, unit
    if word == "devicepower":
        yield from _power(device, fields)


def _keys(word: str, index: str) -> Mapping[str, tuple[str, str, str]]:
    if word == "input":
        return {"state": ("gate", f"input{index}", "bool"), "percent": ("env", f"input{index}_percent", "%")}
    return _KEYS.get(word, {})


def _power(device: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float, str]]:
    """Yield the battery level, unless the device runs on external power, where 0 % is no empty battery."""
    battery = branch(fields, "battery")
    if branch(fields, "external").get("present") is True:
        return
    for key, metric, unit in (("percent", "battery", "%"), ("V", "battery_voltage", "V")):
        value = number_of(battery.get(key))
        if value is not None:
            yield device, "device", metric, value, unit
