"""Shelly Gen2 and later: `{device}/events/rpc`, `{device}/status/{component}`, `{device}/online`.

Source: shelly-api-docs.shelly.cloud/gen2: General/Notifications, ComponentsAndServices (Mqtt, Sys, Smoke, Flood,
Temperature, Humidity, DevicePower, Input, Switch, Cover, Light, PM1, EM, EM1, Illuminance, Presence, Voltmeter, BTHome,
Virtual). A status carries only the changed fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.vocabulary import Quality

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, gathered, is_short, number_of, read_object, refuse
from .faults import Faults
from .presence import read_presence
from .shelly_gen2_keys import APART, EVENTS, IGNORED_COMPONENT, IGNORED_KEY, KEYS, PHASE_KEYS, SLEEPERS
from .times import WireTime, read_time

DEVICES_MAX = 20_000
_TOPIC = re.compile(
    r"(?!campus/)([^/]+(?:/[^/]+){0,3}?)/"
    r"(?:(events/rpc)|(online)|status/(?!state$)([a-z_0-9]+(?::\d{1,4})?)|(rpc|command(?:/.*)?))"
)
_COMPONENT = re.compile(r"([a-z_0-9]+)(?::(\d{1,4}))?", re.ASCII)
_COMPONENTS_MAX = 128


@dataclass(slots=True)
class _Found:
    """Parts of one message, and facts that hold for all of them."""

    device: str
    time: WireTime = field(default_factory=WireTime)
    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    availability: list[Availability] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    memory: dict[str, bytes | None] = field(default_factory=dict)

    def add(self, sensor: str, kind: str, metric: str, value: float, unit: str) -> None:
        """Append a reading of the device or of a component."""
        behind = "" if sensor == self.device else self.device
        time_ns, doubt = self.time
        self.readings.append(Reading(sensor, kind, metric, value, unit, time_ns=time_ns, device=behind, doubt=doubt))


class ShellyGen2Decoder:
    """Decoder of Shelly's notifications. Its state: topics by device id, devices that sleep, active faults.

    An input keeps its own name (`input0`), because the format does not name the connected device. A further component
    of one kind (`temperature:101`) is a separate sensor, `device/temperature:101`. A device id under another topic
    prefix was renamed.

    Works badly for: topic prefixes of more than four levels.

    >>> decoded = ShellyGen2Decoder().decode("shellyplussmoke-1/status/smoke:0", b'{"alarm": true}', retained=False,
    ...                                      now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('smoke', 1.0)]
    """

    name = "shelly_gen2"
    subscriptions: Sequence[str] = tuple(
        f"{'+/' * levels}{topic}" for topic in ("events/rpc", "online", "status/+") for levels in range(1, 5)
    )

    def __init__(self) -> None:
        self._topics: dict[str, str] = {}  # device id -> topic prefix
        self._sleepers: dict[str, None] = {}
        self._faults = Faults()

    def claims(self, topic: str) -> bool:
        """Return True for a topic that has the form of a device's topic."""
        return _TOPIC.fullmatch(topic) is not None

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore topics of devices, and devices that sleep."""
        for key, value in kept:
            if value:
                self._topics[key] = value.decode("utf-8", "replace")
            else:
                self._sleepers[key.removeprefix("sleeper|")] = None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message."""
        found = _TOPIC.fullmatch(topic)
        if found is None or found[5]:
            return Decoded(ignored="command")
        device, component = found[1], found[4]
        if found[3]:
            return self._presence(device, payload)
        if not payload:
            return Decoded(ignored="forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        out = _Found(device)
        if component:
            self._status(out, {component: document})
        else:
            reject = self._notification(out, document, now_ns)
            if reject is not None:
                return refuse(reject) if isinstance(reject, Reject) else reject
        decoded = gathered(out.readings, out.rejects, notices=out.notices, availability=out.availability)
        return replace(decoded, unread=out.unread, renamed=out.renamed, memory=out.memory)

    def _presence(self, device: str, payload: bytes) -> Decoded:
        decoded = read_presence(device, payload, {"true": True, "false": False})
        names = [source for source, topic in self._topics.items() if topic == device]  # of a prefix that people chose
        sleeper = device in self._sleepers or any(
            name.startswith(SLEEPERS) for name in (device.rpartition("/")[2], *names)
        )
        lost = [replace(each, asleep=sleeper and not each.online) for each in decoded.availability]
        return replace(decoded, availability=lost)

    def _notification(self, out: _Found, document: Mapping[str, Any], now_ns: int) -> Reject | Decoded | None:
        """Read a status or events; return the result of a message without them."""
        method, params = document.get("method"), document.get("params")
        if method not in ("NotifyStatus", "NotifyFullStatus", "NotifyEvent"):
            return Decoded(ignored="command")
        if not isinstance(params, dict):
            return Reject("type", "a notification has params")
        out.time = read_time(params.get("ts"), now_ns=now_ns)
        self._identify(out, document.get("src"))
        if method == "NotifyEvent":
            self._events(out, params, now_ns)
        else:
            self._note_sleep(out, params)
            self._status(out, params)
        return None

    def _identify(self, out: _Found, source: Any) -> None:
        """Compare the topic of a device id with the known one."""
        if not is_short(source) or self._topics.get(source) == out.device:
            return
        if source in self._topics:
            out.renamed.append((self._topics[source], out.device))
        elif len(self._topics) >= DEVICES_MAX:
            return
        self._topics[source] = out.device
        out.memory[source] = out.device.encode()

    def _note_sleep(self, out: _Found, params: Mapping[str, Any]) -> None:
        period = number_of(branch(params, "sys").get("wakeup_period"))
        if period and out.device not in self._sleepers and len(self._sleepers) < DEVICES_MAX:
            self._sleepers[out.device] = None
            out.memory[f"sleeper|{out.device}"] = b""

    def _events(self, out: _Found, params: Mapping[str, Any], now_ns: int) -> None:
        """Read alarms, their tests and sleep; any other event is of a button, an update or a setting."""
        events = params.get("events")
        for event in events[:_COMPONENTS_MAX] if isinstance(events, list) else ():
            if not isinstance(event, dict):
                continue
            component, word = str(event.get("component")), str(event.get("event"))
            named = _COMPONENT.fullmatch(component)
            if event.get("ts") is not None:
                out.time = read_time(event["ts"], now_ns=now_ns)
            if component == "sys" and word == "sleep":
                out.availability.append(Availability(out.device, online=False, reason=word, asleep=True))
            elif named and named[1] in ("smoke", "flood") and word in EVENTS:
                key, value = EVENTS[word]
                self._status(out, {component: {key: value}})
            elif named and named[1] in ("smoke", "flood") and word == "alarm_test":
                kind, _, unit = KEYS[named[1]]["alarm"]
                out.add(_sensor(out.device, named[1], named[2]), kind, "test", 1.0, unit)
                out.readings[-1] = replace(out.readings[-1], quality=Quality.TEST)
            elif named and named[1] in ("smoke", "flood") and word == "cable_unplugged":
                self._status(out, {component: {"errors": [word]}})

    def _status(self, out: _Found, status: Mapping[str, Any]) -> None:
        for key, fields in list(status.items())[:_COMPONENTS_MAX]:
            named = _COMPONENT.fullmatch(key)
            if named is None or not isinstance(fields, dict) or IGNORED_COMPONENT.fullmatch(named[1]):
                continue
            if named[1] not in (*KEYS, "input", "devicepower"):
                out.unread.append(key)
                continue
            self._component(out, named[1], named[2], fields)

    def _component(self, out: _Found, word: str, index: str | None, fields: Mapping[str, Any]) -> None:
        """Read one component; null is no measurement."""
        sensor = out.device if word == "input" else _sensor(out.device, word, index)
        self._errors(out, sensor, f"{word}:{index or 0}", fields)
        if word == "em":
            _phases(out, f"{sensor}/em:{index or 0}" if sensor == out.device else sensor, fields)
        if word == "devicepower":
            _power(out, fields)
            return
        keys = _keys(word, index or "0")
        for key, value in fields.items():
            if key in keys:
                _value(out, sensor, f"{word}:{index or 0} {key}", keys[key], value)
            elif key == "temperature" and isinstance(value, dict):
                _value(out, out.device, f"{word} tC", ("device", "chip_temperature", "Cel"), value.get("tC"))
            elif value is not None and not IGNORED_KEY.fullmatch(key) and not (word == "em" and key[1:2] == "_"):
                out.unread.append(f"{word}.{key}"[:64])

    def _errors(self, out: _Found, sensor: str, key: str, fields: Mapping[str, Any]) -> None:
        """Begin or end the fault of a component; the values beside an error still count."""
        component = f"{out.device}/{key}"
        if fields.get("errors"):
            self._faults.begin(component)
            out.add(sensor, "device", "fault", 1.0, "bool")
            out.notices.append(f"sensor_fault: {key}")
        elif self._faults.ended(component):
            out.add(sensor, "device", "fault", 0.0, "bool")


def _sensor(device: str, word: str, index: str | None) -> str:
    """Return the sensor of a component: the device itself at index 0, else a sensor behind it."""
    if word in ("wifi", "devicepower") or ((index or "0") == "0" and word not in APART):
        return device
    return f"{device}/{word}:{index or 0}"


def _keys(word: str, index: str) -> Mapping[str, tuple[str, str, str]]:
    if word == "input":
        return {"state": ("gate", f"input{index}", "bool"), "percent": ("env", f"input{index}_percent", "%")}
    return KEYS[word]


def _value(out: _Found, sensor: str, name: str, meaning: tuple[str, str, str], value: Any) -> None:
    kind, metric, unit = meaning
    if value is None:
        return
    flag = isinstance(value, bool)
    number = float(value) if flag and unit in ("bool", "") else None if unit == "bool" else number_of(value)
    if number is None and metric == "value" and isinstance(value, str):
        return  # a text of a Bluetooth sensor
    if number is None:
        out.rejects.append(Reject("type", f"{name} is of a wrong type"))
    else:
        out.add(sensor, kind, metric, number, "bool" if flag else unit)


def _phases(out: _Found, sensor: str, fields: Mapping[str, Any]) -> None:
    """Read the phases of an energy meter, each as a sensor of its own."""
    for phase in "abc":
        for key, meaning in PHASE_KEYS.items():
            _value(out, f"{sensor}/{phase}", f"em {phase}_{key}", meaning, fields.get(f"{phase}_{key}"))


def _power(out: _Found, fields: Mapping[str, Any]) -> None:
    """Read the battery level, unless the device runs on external power, where 0 % is no empty battery."""
    battery = branch(fields, "battery")
    if branch(fields, "external").get("present") is True:
        return
    for key, metric, unit in (("percent", "battery", "%"), ("V", "battery_voltage", "V")):
        _value(out, out.device, f"battery {key}", ("device", metric, unit), battery.get(key))
