"""Homie 4 and 5: `homie/{device}/...` and `homie/5/{device}/...`, decoded by the device's description.

Source: homieiot/convention, convention.md at v4.0.0 and v5.0.0. Booleans and states are case sensitive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, is_short, read_object, read_text, refuse
from .faults import Faults
from .homie_values import NUMBERS, reading_of, state_of
from .homie_waiting import Waiting
from .units import Quantity, read_quantity

DEVICES_MAX = 20_000
PROPERTIES_MAX = 1_000
_TEXT_MAX = 1_024
_ALERTS_MAX = 64
_STATES: Mapping[str, bool] = {
    "init": False, "ready": True, "alert": True, "sleeping": True, "disconnected": False, "lost": False,
}  # fmt: skip
"""State of a device -> whether it is online."""
_ATTRIBUTES = frozenset(("datatype", "unit"))
_DEVICE_ATTRIBUTES = frozenset(("homie", "name", "nodes"))
_NODE_LEVELS, _PROPERTY_LEVELS = 2, 3


@dataclass(slots=True)
class _Property:
    datatype: str = ""
    unit: str = ""


@dataclass(slots=True)
class _Device:
    """Description of a device. root: its parent device; online: its own state, independent of its root's."""

    root: str = ""
    online: bool | None = None
    alerts: set[str] = field(default_factory=set)
    properties: dict[str, _Property] = field(default_factory=dict)


class HomieDecoder:
    """Decoder of both versions. Its state: the descriptions, for at most DEVICES_MAX devices.

    A value is a reading of `device/node/property`. When a root device goes offline, its children go offline too. A
    device in the state `alert`, or with an alert of version 5, has a fault.

    Works badly for: colours, times and texts, which are no readings; live values before the description, which are
    rejected as `undescribed`.

    >>> decoder = HomieDecoder()
    >>> about = b'{"nodes": {"tank": {"properties": {"level": {"datatype": "float", "unit": "m"}}}}}'
    >>> decoder.decode("homie/5/cistern/$description", about, retained=True, now_ns=0).declares
    ['cistern/tank/level']
    >>> decoded = decoder.decode("homie/5/cistern/tank/level", b"1.92", retained=False, now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('depth', 1.92)]
    """

    name = "homie"

    def __init__(self, *, base: str = "homie") -> None:
        """base: the domain, which is the first level of the topics. Raises ValueError for a name of several levels."""
        if not base or set(base) & set("/+#"):
            raise ValueError(f"Homie domain {base!r}: allowed is one topic level without wildcards")
        self._base = f"{base}/"
        self.subscriptions: Sequence[str] = (f"{base}/#",)
        self._devices: dict[tuple[str, str], _Device] = {}
        self._children: dict[tuple[str, str], dict[str, None]] = {}
        self._faults = Faults()
        self._waiting = Waiting()

    def claims(self, topic: str) -> bool:
        """Return True for any topic under the domain."""
        return topic.startswith(self._base)

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore descriptions and attributes, by their topics."""
        for topic, payload in kept:
            self.decode(topic, payload, retained=True, now_ns=0)

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message; the caller decides whether retained readings count.

        A retained value that comes before its description is read with the description.
        """
        decoded = self._decode(topic, payload)
        reason = decoded.rejects[0].reason if decoded.rejects else ""
        if reason == "undescribed" and retained and self._waiting.keep(self._device_topic(topic), topic, payload):
            return Decoded(ignored="awaits its description")
        return self._late(topic, decoded) if decoded.ignored in ("description", "attribute") else decoded

    def _device_topic(self, topic: str) -> str:
        levels = topic.removeprefix(self._base).split("/")
        return "/".join(levels[: 2 if levels[0] == "5" else 1])

    def _late(self, topic: str, decoded: Decoded) -> Decoded:
        """Add the values that waited for this description: of a device, or of one property."""
        device = self._device_topic(topic)
        value = "" if decoded.ignored == "description" else topic.partition("/$")[0]
        late = {each: self._decode(each, payload) for each, payload in self._waiting.of(device, value)}
        for each, result in late.items():
            if not any(reject.reason == "undescribed" for reject in result.rejects):
                self._waiting.drop(device, each)
                decoded = replace(
                    decoded,
                    readings=[*decoded.readings, *result.readings],
                    rejects=[*decoded.rejects, *result.rejects],
                    unread=[*decoded.unread, *result.unread],
                    gateway=result.gateway or decoded.gateway,
                )
        return decoded

    def _decode(self, topic: str, payload: bytes) -> Decoded:
        levels = topic.removeprefix(self._base).split("/")
        version = "5" if levels[0] == "5" else "4"
        levels = levels[1:] if version == "5" else levels
        if len(levels) < 2 or not all(levels) or levels[0].startswith("$"):  # noqa: PLR2004 - a device and more
            return Decoded(ignored="broadcast")
        device, *rest = levels
        if rest[-1:] == ["set"] or rest[-1:] == ["$target"]:
            return Decoded(ignored="command")
        if rest == ["$state"]:
            return self._state(version, device, payload)
        if version == "5":
            return self._decode_5(topic, device, rest, payload)
        return self._decode_4(topic, device, rest, payload)

    def _decode_5(self, topic: str, device: str, rest: Sequence[str], payload: bytes) -> Decoded:
        if rest == ["$description"]:
            return self._describe(topic, device, payload)
        if len(rest) == _NODE_LEVELS and rest[0] == "$alert":
            known = self._device("5", device)
            found = [] if known is None else self._alert(device, known, rest[1], raised=bool(payload))
            return refuse(_full()) if known is None else Decoded(readings=found, ignored="" if found else "alert")
        if len(rest) != _NODE_LEVELS or rest[0].startswith("$"):
            return Decoded(ignored="attribute")
        return self._value("5", device, rest[0], rest[1], payload)

    def _decode_4(self, topic: str, device: str, rest: Sequence[str], payload: bytes) -> Decoded:
        if len(rest) == 1:
            declared = rest[0].removeprefix("$") in _DEVICE_ATTRIBUTES
            return Decoded(declares=(device,) if declared and payload else (), ignored="attribute")
        if rest[-1] == "$properties" and len(rest) == _NODE_LEVELS:
            text = read_text(payload, length_max=8_192)
            names = [] if isinstance(text, Reject) else [name for name in text.split(",") if name]
            return Decoded(declares=[f"{device}/{rest[0]}/{name[:64]}" for name in names], ignored="attribute")
        if len(rest) == _PROPERTY_LEVELS and rest[-1].startswith("$"):
            return self._attribute(topic, device, rest, payload)
        if len(rest) != _NODE_LEVELS or rest[0].startswith("$") or rest[-1].startswith("$"):
            return Decoded(ignored="attribute")
        return self._value("4", device, rest[0], rest[1], payload)

    def _attribute(self, topic: str, device: str, rest: Sequence[str], payload: bytes) -> Decoded:
        node, name, attribute = rest[0], rest[1], rest[2].removeprefix("$")
        sensor = f"{device}/{node}/{name}"
        if attribute not in _ATTRIBUTES:
            return Decoded(declares=(sensor,) if payload else (), ignored="attribute")
        text = read_text(payload)
        if isinstance(text, Reject):
            return refuse(text)
        known = self._device("4", device)
        if known is None:
            return refuse(_full())
        properties = known.properties
        key = f"{node}/{name}"
        if key not in properties and len(properties) >= PROPERTIES_MAX:
            return refuse(Reject("sensor_limit", f"more than {PROPERTIES_MAX} properties"))
        found = properties.setdefault(key, _Property())
        before = getattr(found, attribute)
        setattr(found, attribute, text)
        memory = {topic: payload or None} if before != text else {}
        return Decoded(declares=(sensor,) if text else (), ignored="attribute", memory=memory)

    def _describe(self, topic: str, device: str, payload: bytes) -> Decoded:
        if not payload:
            gone = self._devices.pop(("5", device), None)
            self._hang("5", device, "" if gone is None else gone.root, "")
            names = [] if gone is None else [f"{device}/{key}" for key in gone.properties]
            return Decoded(removed=(device, *names), memory={topic: None})
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        properties = dict(_properties(document))
        if len(properties) > PROPERTIES_MAX:
            return refuse(Reject("sensor_limit", f"more than {PROPERTIES_MAX} properties"))
        known = self._device("5", device)
        if known is None:
            return refuse(_full())
        root = document.get("root")
        root_name = str(root) if is_short(root) else ""
        memory: dict[str, bytes | None] = {}
        if known.properties != properties or known.root != root_name:
            memory[topic] = payload
        self._hang("5", device, known.root, root_name)
        removed = [f"{device}/{key}" for key in known.properties if key not in properties]
        known.properties, known.root = properties, root_name
        declares = [f"{device}/{key}" for key in properties]
        return Decoded(declares=declares, removed=removed, ignored="description", memory=memory)

    def _state(self, version: str, device: str, payload: bytes) -> Decoded:
        if not payload:
            return Decoded(removed=(device,))
        text = read_text(payload)
        if isinstance(text, Reject):
            return refuse(text)
        if text not in _STATES:
            return refuse(Reject("type", f"a state is one of {', '.join(_STATES)}"))
        online = _STATES[text]
        reason = "" if text == "ready" else text
        known = self._device(version, device)
        if known is None:
            return refuse(_full())
        known.online = online
        asleep = text == "sleeping"
        children = [
            Availability(name, online, reason, asleep)
            for name in self._children.get((version, device), ())
            if self._devices[version, name].online
        ]
        alert = self._alert(device, known, "", raised=text == "alert")
        return Decoded(
            readings=alert, availability=(Availability(device, online, reason, asleep), *children), gateway=known.root
        )

    def _alert(self, device: str, known: _Device, name: str, *, raised: bool) -> list[Reading]:
        """Return the begin or end of a device's fault: its state `alert`, or an alert of version 5."""
        before = bool(known.alerts)
        if raised and len(known.alerts) < _ALERTS_MAX:
            known.alerts.add(name)
        elif not raised:
            known.alerts.discard(name)
        changed = before != bool(known.alerts)
        return [Reading(device, "device", "fault", float(bool(known.alerts)), "bool")] if changed else []

    def _value(self, version: str, device: str, node: str, name: str, payload: bytes) -> Decoded:
        if not payload:
            return Decoded(ignored="forgotten")
        known = self._devices.get((version, device))
        found = None if known is None else known.properties.get(f"{node}/{name}")
        if found is None or not found.datatype:
            return refuse(Reject("undescribed", f"{device}/{node}/{name}"[:120]))
        text = read_text(payload, length_max=_TEXT_MAX)
        if isinstance(text, Reject):
            return refuse(text)
        sensor = f"{device}/{node}/{name}"
        if found.datatype in NUMBERS:
            return replace(self._number(sensor, text, found), gateway=device)
        return replace(state_of(sensor, text, found.datatype), gateway=device)

    def _number(self, sensor: str, text: str, about: _Property) -> Decoded:
        quantity = read_quantity(text)
        if quantity is None:
            return refuse(Reject("type", f"{text[:40]!r} is no {about.datatype}"))
        if not isinstance(quantity, Quantity):
            return self._faults.fault(sensor)
        unit = about.unit or ("%" if about.datatype == "percent" else "")
        decoded = reading_of(sensor, quantity, unit)
        return replace(decoded, readings=[each for one in decoded.readings for each in self._faults.over(one)])

    def _device(self, version: str, name: str) -> _Device | None:
        """Return the device's entry, created on first use; None at the limit of DEVICES_MAX."""
        key = version, name
        if key not in self._devices and len(self._devices) >= DEVICES_MAX:
            return None
        return self._devices.setdefault(key, _Device())

    def _hang(self, version: str, name: str, before: str, root: str) -> None:
        """Move the device to another root; "" for none."""
        if before:
            self._children.get((version, before), {}).pop(name, None)
        if root:
            self._children.setdefault((version, root), {})[name] = None


def _full() -> Reject:
    return Reject("sensor_limit", f"more than {DEVICES_MAX} devices")


def _properties(document: Mapping[str, Any]) -> Iterable[tuple[str, _Property]]:
    """Yield `node/property` with its description."""
    for node, about in branch(document, "nodes").items():
        for name, held in (branch(about, "properties") if isinstance(about, dict) else {}).items():
            if isinstance(held, dict):
                datatype, unit = held.get("datatype"), held.get("unit")
                yield (
                    f"{node[:64]}/{name[:64]}",
                    _Property(
                        str(datatype) if is_short(datatype) else "string",
                        str(unit) if is_short(unit, length_max=16) else "",
                    ),
                )
