"""Hikvision: `hikvision/{device}/{event type}` with JSON or XML of access controllers and cameras.

Source: captures of ISAPI `AccessControllerEvent` and `EventNotificationAlert` pushes; `hikvision_codes` has the codes.
The device pushes over HTTP; a bridge publishes on this topic. Names, employee numbers, card numbers and plates are
personal data and never leave this module, but for the card number of a grant, of which the intake stores a pseudonym.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest.vocabulary import DEVICE_METRICS, Quality

from .conditions import Conditions
from .contract import Decoded, Reading, Reject
from .document import branch, is_short, number_of, read_object, refuse
from .document_xml import is_xml, read_xml
from .faults import Faults
from .hikvision_codes import CAMERA_EVENTS, CODES, IGNORED_EVENTS, PARTS, Code, reason_of
from .payload import memory_values
from .times import read_time

_ACCESS = "AccessControllerEvent"
_CARD_MAX = 64
_HELD = frozenset(("blind", "fault"))
_COUNTS: Mapping[str, str] = {"enter": "people_in_total", "exit": "people_out_total"}
_DIRECTIONS: Mapping[str, str] = {
    **dict.fromkeys(("in", "enter", "entry", "checkin", "breakin", "overtimein"), "in"),
    **dict.fromkeys(("out", "exit", "leave", "checkout", "breakout", "overtimeout"), "out"),
}


class HikvisionIsapiDecoder:
    """Decoder of access controllers and cameras. Its state is active faults and states of cameras.

    The sensor is the device's MAC address and its door, reader, input or channel.

    Works badly for: codes outside the table, which yield a notice; `forced`, which the controller never ends; faults
    of a door's wiring, which end with its next reading.

    >>> message = (b'{"macAddress": "e0:ca:3c:00:00:34", "dateTime": "2026-09-08T07:42:18+08:00",'
    ...            b' "AccessControllerEvent": {"majorEventType": 5, "subEventType": 76, "doorNo": 1}}')
    >>> topic = "hikvision/gate-3/AccessControllerEvent"
    >>> decoded = HikvisionIsapiDecoder().decode(topic, message, retained=False, now_ns=0)
    >>> [(reading.sensor, reading.metric, reading.value) for reading in decoded.readings]
    [('e0:ca:3c:00:00:34/door1', 'access_granted', 0.0)]
    """

    name = "hikvision_isapi"

    def __init__(self, *, base: str = "hikvision") -> None:
        """base: the first level of the bridge's topics."""
        self._base = f"{base}/"
        self._faults = Faults()
        self._conditions = Conditions()
        self.subscriptions: Sequence[str] = (f"{base}/+/+",)

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore the active states of the cameras."""
        for key, found in memory_values(kept):
            if isinstance(found, list):
                self._conditions.restore(key, found)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under the base topic."""
        return topic.startswith(self._base)

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one event."""
        if reason := IGNORED_EVENTS.get(topic.rpartition("/")[2].lower(), "" if payload else "forgotten"):
            return Decoded(ignored=reason)
        document = read_xml(payload) if is_xml(payload) else read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        document = branch(document, "EventNotificationAlert") or document
        address, access = document.get("macAddress"), document.get(_ACCESS)
        kind = document.get("eventType") or (_ACCESS if _ACCESS in document else topic.rpartition("/")[2])
        if str(kind).lower() in IGNORED_EVENTS:
            return Decoded(ignored=IGNORED_EVENTS[str(kind).lower()])
        if not is_short(address) or (kind == _ACCESS and not isinstance(access, dict)):
            return refuse(Reject("type", f"an event has macAddress, and {_ACCESS} for access"))
        device = str(address).lower()
        found = self._access(device, dict(access or {})) if kind == _ACCESS else _camera(device, str(kind), document)
        decoded = self._held(found, str(kind))
        at = read_time(document.get("dateTime"), now_ns=now_ns)
        timed = [replace(reading, time_ns=at.time_ns, doubt=at.doubt) for reading in decoded.readings]
        return replace(decoded, readings=timed)

    def _access(self, device: str, event: Mapping[str, Any]) -> Decoded:
        """Decode an access event by its code; currentEvent false marks backfill after a lost connection."""
        major, minor = event.get("majorEventType"), event.get("subEventType")
        if type(major) is not int or type(minor) is not int:
            return refuse(Reject("type", "an event has majorEventType and subEventType"))
        code = CODES.get((major, minor))
        if code is None:
            if reason := reason_of(major, minor):
                return Decoded(ignored=reason)
            return Decoded(ignored="event", notices=("unknown_event",), unread=(f"{major}/{minor}"[:64],))
        probe = _probe(code, event)
        if isinstance(probe, Reject):
            return refuse(probe)
        sensor = f"{device}/{probe}" if probe else device
        reading = Reading(
            *(sensor, _kind(code.metric), code.metric, code.value, "bool"),
            quality=Quality.HISTORICAL if event.get("currentEvent") is False else Quality.GOOD,
            dims=_labels(code, event),
            device=device if probe else "",
            card=str(event.get("cardNo") or "")[:_CARD_MAX] if code.metric == "access_granted" else "",
        )
        return Decoded(readings=self._with_faults(reading))

    def _held(self, decoded: Decoded, kind: str) -> Decoded:
        """Return a result whose states of the camera hold while any of their event types is active."""
        if len(decoded.readings) != 1 or decoded.readings[0].metric not in _HELD or kind == _ACCESS:
            return decoded
        (reading,) = decoded.readings
        key = f"{reading.sensor}/{reading.metric}"
        value, memory = self._conditions.hold(key, kind.lower(), active=reading.value > 0)
        return replace(decoded, readings=(replace(reading, value=value),), memory=memory)

    def _with_faults(self, reading: Reading) -> list[Reading]:
        """Return the reading; a door's reading ends the fault of its wiring."""
        if reading.quality is not Quality.GOOD or reading.metric in DEVICE_METRICS - {"fault"}:
            return [reading]
        if reading.metric == "fault":
            (self._faults.begin if reading.value else self._faults.end)(reading.sensor)
            return [reading]
        return [
            replace(each, device=reading.device) if each is not reading else each for each in self._faults.over(reading)
        ]


def _probe(code: Code, event: Mapping[str, Any]) -> str | Reject:
    """Return the part of the controller that an event concerns; "" for the controller itself."""
    part = PARTS.get(code.part)
    if part is None:
        return code.part
    given = event.get(part.key)
    number = number_of(given)
    if given is not None and (number is None or number != int(number)):
        return Reject("type", f"{part.key} is a whole number")
    if not number:  # a terminal of one door has no number, or 0
        return "" if part.name == "door" else part.name
    return f"{part.name}{int(number)}"


def _labels(code: Code, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return serial number, reader and direction of an event, where it has them."""
    dims: dict[str, Any] = {"event": code.event} if code.event else {}
    for name, key in (("serial", "serialNo"), ("reader", "cardReaderNo")):
        if (number := number_of(event.get(key))) is not None:
            dims[name] = int(number)
    stated = (str(event.get(key, "")).lower() for key in ("direction", "attendanceStatus"))
    if direction := next((_DIRECTIONS[word] for word in stated if word in _DIRECTIONS), ""):
        dims["direction"] = direction
    return dims


def _kind(metric: str) -> str:
    return "device" if metric in DEVICE_METRICS else "smoke" if metric == "smoke" else "gate"


def _camera(device: str, kind: str, document: Mapping[str, Any]) -> Decoded:
    """Decode an event of a camera or of one channel of a recorder."""
    channel = number_of(document.get("channelID", document.get("dynChannelID")))
    sensor = f"{device}/channel{int(channel)}" if channel else device
    of = device if channel else ""
    if kind.lower() == "peoplecounting":
        counts = branch(document, "peopleCounting") or branch(document, "PeopleCounting")
        found = [(metric, number_of(counts.get(key))) for key, metric in _COUNTS.items()]
        readings = [
            Reading(sensor, "gate", metric, count, "count", device=of) for metric, count in found if count is not None
        ]
        return Decoded(readings=readings, ignored="" if readings else "no_measurement")
    if kind.lower() not in CAMERA_EVENTS:
        return Decoded(ignored="event", notices=("unknown_event",), unread=(kind[:64],))
    metric, label = CAMERA_EVENTS[kind.lower()]
    state = document.get("eventState", "active")
    if state not in ("active", "inactive"):
        return refuse(Reject("type", "eventState is active or inactive"))
    dims = {"label": label} if label else {"event": kind[:64]} if metric == "rule_active" else {}
    group = "device" if metric in DEVICE_METRICS else "smoke" if metric == "heat" else "camera"
    return Decoded(readings=(Reading(sensor, group, metric, float(state == "active"), "bool", dims=dims, device=of),))
