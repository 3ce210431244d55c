"""Zigbee2MQTT: `{base}/FRIENDLY_NAME` with the device's whole state as one JSON object.

Source: zigbee2mqtt.io, MQTT topics and messages, Device availability, MQTT configuration (`base_topic`, `output`);
zigbee-herdsman-converters, lib/exposes (contact is true while closed; voltage of a battery is in mV).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest.vocabulary import Quality

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, gathered, is_short, read_list, read_object, read_text, refuse
from .payload import read_json
from .states import is_test
from .throttle import FLAGS, Throttle
from .times import read_time
from .zigbee2mqtt_keys import Value, read_key

DEFAULT_BASE = "zigbee2mqtt"
DEVICES_MAX = 10_000
BASES_MAX = 16
_BRIDGE = "bridge"
_BRIDGE_TOPIC = re.compile(r"([^#+$/][^#+]{0,120})/bridge/(state|info|devices)")
_COMMANDS = frozenset(("set", "get"))
_STEADY = FLAGS | {"linkquality", "battery_voltage"}
_EMPTY: Mapping[str, str] = {
    "info": "facts of the bridge",
    "config": "facts of the bridge",
    "definitions": "facts of the bridge",
    "definition": "facts of the bridge",
    "converters": "facts of the bridge",
    "extensions": "facts of the bridge",
    "health": "facts of the bridge",
    "groups": "members of groups send their own states",
    "logging": "log",
    "log": "log",
    "request": "command",
    "response": "answer to a command",
}
"""Topics of the bridge that give no reading, and the reason; `response` also has renaming and removal."""


class Zigbee2MqttDecoder:
    """Decoder of Zigbee2MQTT's output. Its state: base topics, names by IEEE address, times of full reports.

    Any base topic counts once its bridge has sent `bridge/state`, `bridge/info` or `bridge/devices`, which the broker
    retains. Sensors of a second bridge beside the default one have its base topic as prefix.

    Works badly for: raw smoke densities, whose scale depends on the model; a bridge with another base topic that has
    never sent its state.

    >>> decoder = Zigbee2MqttDecoder()
    >>> decoded = decoder.decode("zigbee2mqtt/east_gate", b'{"contact": true}', retained=False, now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('open', 0.0)]
    """

    name = "zigbee2mqtt"

    def __init__(self, *, base: str = DEFAULT_BASE) -> None:
        """base: the setting `mqtt.base_topic` of the bridge."""
        self._bases: dict[str, str] = {base: ""}  # base topic -> prefix of its sensors
        self._names: dict[str, str] = {}  # base and IEEE address -> name of the sensor
        self._used = False
        self._thinner = Throttle(_STEADY)

    @property
    def subscriptions(self) -> Sequence[str]:
        """Return the filters of the known bridges, and those that find further ones."""
        found = [f"{levels}bridge/{word}" for levels in ("+/", "+/+/") for word in ("state", "info", "devices")]
        return (*(f"{base}/#" for base in self._bases), *found)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under a known base topic, and for the bridge of an unknown one."""
        return self._base_of(topic) is not None or _BRIDGE_TOPIC.fullmatch(topic) is not None

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore base topics and names."""
        for key, value in kept:
            base, _, address = key.rpartition("|")
            if base:
                self._names[key] = value.decode("utf-8", "replace")
            else:
                self._bases[address] = value.decode("utf-8", "replace")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """Decode one message; the caller decides whether retained readings count."""
        base = self._base_of(topic)
        if base is None:
            return self._learn(topic, payload, now_ns)
        self._used = self._used or not self._bases[base]
        decoded = self._decode(base, topic[len(base) + 1 :], payload, retained=retained, now_ns=now_ns)
        return _prefixed(decoded, self._bases[base])

    def _base_of(self, topic: str) -> str | None:
        return next((base for base in self._bases if topic.startswith(f"{base}/")), None)

    def _learn(self, topic: str, payload: bytes, now_ns: int) -> Decoded:
        """Add the base topic of an unknown bridge, unless the message is of another program."""
        found = _BRIDGE_TOPIC.fullmatch(topic)
        if found is None or not _is_bridge(found[2], payload) or len(self._bases) >= BASES_MAX:
            return Decoded(ignored="topic")
        base = found[1]
        self._bases[base] = f"{base}/" if self._used or len(self._bases) > 1 else ""
        decoded = self.decode(topic, payload, retained=True, now_ns=now_ns)
        memory = {**decoded.memory, base: self._bases[base].encode()}
        return replace(decoded, subscribe=(f"{base}/#",), memory=memory)

    def _decode(self, base: str, device: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        head, *rest = device.split("/")
        if _COMMANDS.intersection(rest):
            return Decoded(ignored="command")
        if not device:
            return refuse(Reject("sensor_name", "a topic without a device"))
        if head == _BRIDGE:
            return self._decode_bridge(base, "/".join(rest), payload)
        if rest and rest[-1] == "availability":
            return replace(_decode_availability(device.removesuffix("/availability"), payload), gateway=_BRIDGE)
        return self._decode_device(base, device, payload, retained=retained, now_ns=now_ns)

    def _decode_device(self, base: str, device: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        if not payload:
            return Decoded(removed=(device,))
        state = _read_state(device, payload)
        if isinstance(state, Reject):
            return refuse(state)
        attribute = "" if isinstance(state, dict) else device.rpartition("/")[2]
        if not isinstance(state, dict):  # output type "attribute"
            device, state = device.rpartition("/")[0], {attribute.replace("-", "_"): state}
        decoded = _decode_state(device, state, now_ns)
        whole = decoded.readings  # from a retained copy: it must not replace a live message
        passed = whole if retained else self._thinner.thin(f"{base}/{device}/{attribute}", whole, now_ns)
        return replace(gathered(passed, decoded.rejects), gateway=_BRIDGE, unread=decoded.unread)

    def _decode_bridge(self, base: str, topic: str, payload: bytes) -> Decoded:
        if topic == "state":
            return _decode_availability(_BRIDGE, payload)
        if topic == "devices":
            return self._decode_devices(base, payload)
        if topic in ("event", "log", "response/device/rename", "response/device/remove"):
            return self._decode_change(base, topic, payload)
        reason = _EMPTY.get(topic.partition("/")[0])
        return Decoded(ignored=reason) if reason else Decoded(ignored="topic", unread=(f"bridge/{topic}"[:64],))

    def _decode_devices(self, base: str, payload: bytes) -> Decoded:
        """Compare the list of devices with the known names: a device that has another name was renamed."""
        devices = read_list(payload)
        if isinstance(devices, Reject):
            return refuse(devices)
        present = {
            f"{base}|{device.get('ieee_address')}": device["friendly_name"]
            for device in devices[:DEVICES_MAX]
            if isinstance(device, dict)
            and device.get("type") != "Coordinator"
            and is_short(device.get("friendly_name"))
        }
        before = {key: name for key, name in self._names.items() if key.rpartition("|")[0] == base}
        gone = before.keys() - present.keys() if len(devices) <= DEVICES_MAX else set()
        names = set(present.values())
        memory: dict[str, bytes | None] = dict.fromkeys(sorted(gone))
        renamed = []
        for key, name in present.items():
            if before.get(key) == name or (key not in before and len(self._names) >= DEVICES_MAX):
                continue
            renamed += [(before[key], name)] if key in before else []
            self._names[key] = name
            memory[key] = name.encode()
        for key in gone:
            del self._names[key]
        removed = [before[key] for key in sorted(gone) if before[key] not in names]
        return Decoded(
            declares=list(present.values()), ignored="registry", renamed=renamed, removed=removed, memory=memory
        )

    def _decode_change(self, base: str, topic: str, payload: bytes) -> Decoded:
        """Decode the renaming or the removal of one device, as event, answer to a command or log of older bridges."""
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        data = {**branch(document, "data"), **branch(document, "message")}
        kind = document.get("type") if topic in ("event", "log") else topic.rpartition("/")[2]
        if document.get("status") == "error":
            return Decoded(ignored="answer to a command")
        old, new = _named(data.get("from")), _named(data.get("to"))
        if kind in ("rename", "device_renamed") and old and new:
            keys = [key for key, name in self._names.items() if name == old and key.rpartition("|")[0] == base]
            self._names |= dict.fromkeys(keys, new)
            return Decoded(renamed=((old, new),), memory=dict.fromkeys(keys, new.encode()))
        name = _named(data.get("friendly_name", data.get("id")))
        if kind in ("device_leave", "remove", "device_removed") and name:
            keys = [key for key, known in self._names.items() if known == name and key.rpartition("|")[0] == base]
            for key in keys:
                del self._names[key]
            return Decoded(removed=(name,), memory=dict.fromkeys(keys))
        return Decoded(ignored="event")


def _named(found: Any) -> str:
    """Return a friendly name; "" for anything else."""
    return str(found) if is_short(found, length_max=128) else ""


def _is_bridge(word: str, payload: bytes) -> bool:
    """Return whether a message has the form of the bridge's own."""
    document = read_json(payload)
    if word == "devices":
        return isinstance(document, list) and any(
            isinstance(each, dict) and "ieee_address" in each for each in document
        )
    if word == "info":
        return isinstance(document, dict) and "coordinator" in document
    state = document.get("state") if isinstance(document, dict) else read_text(payload)
    return state in ("online", "offline")


def _prefixed(decoded: Decoded, prefix: str) -> Decoded:
    """Return the result with the sensors of a second bridge under its base topic."""
    if not prefix:
        return decoded
    return replace(
        decoded,
        readings=[
            replace(each, sensor=prefix + each.sensor, device=each.device and prefix + each.device)
            for each in decoded.readings
        ],
        availability=[replace(each, sensor=prefix + each.sensor) for each in decoded.availability],
        declares=[prefix + name for name in decoded.declares],
        removed=[prefix + name for name in decoded.removed],
        renamed=[(prefix + old, prefix + new) for old, new in decoded.renamed],
        gateway=decoded.gateway and prefix + decoded.gateway,
    )


def _decode_availability(sensor: str, payload: bytes) -> Decoded:
    """Decode both forms: {"state": "online"} and the plain word of older bridges."""
    if not payload:
        return Decoded(removed=(sensor,))
    document = read_json(payload)
    state = document.get("state") if isinstance(document, dict) else read_text(payload)
    if isinstance(state, Reject):
        return refuse(state)
    if state not in ("online", "offline"):
        return refuse(Reject("type", "availability is online or offline"))
    return Decoded(availability=(Availability(sensor, state == "online"),))


def _read_state(device: str, payload: bytes) -> Any | Reject:
    """Return the state of a message as an object; any other value is of an attribute, the last level of the topic."""
    document = read_json(payload)
    if isinstance(document, dict):
        return document
    text = read_text(payload)
    if isinstance(document, Reject) and isinstance(text, str) and not text.startswith("{"):
        document = text
    if isinstance(document, Reject) or "/" in device:
        return document
    return Reject("not_object", f"found {type(document).__name__}")


def _decode_state(device: str, state: Mapping[str, Any], now_ns: int) -> Decoded:
    time_ns, doubt = read_time(state.get("last_seen"), now_ns=now_ns, unit="ms")
    testing = is_test(state)
    quality = Quality.TEST if testing else Quality.GOOD
    values: list[Value] = []
    rejects: list[Reject] = []
    unread: list[str] = []
    for key, value in state.items():
        found = () if value is None else read_key(key, value, state)
        if found is None:
            unread.append(key[:64])
            continue
        for each in found:
            (rejects if isinstance(each, Reject) else values).append(each)  # type: ignore[arg-type]  # one of the two
    if testing and not any(value.kind != "device" for value in values):
        values.append(Value("smoke", "test", 1.0, "bool"))
    readings = [
        Reading(
            f"{device}/{each.probe}" if each.probe else device,
            each.kind,
            each.metric,
            each.value,
            each.unit,
            time_ns=time_ns,
            quality=quality,
            device=device if each.probe else "",
            doubt=doubt,
            lasts_s=each.lasts_s,
        )
        for each in values
    ]
    return replace(gathered(readings, rejects), unread=unread)
