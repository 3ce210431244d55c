"""Hikvision access events: `hikvision/{controller}/AccessControllerEvent` with ISAPI's JSON.

Source: captures of ISAPI `AccessControllerEvent` pushes; codes of major type 5 (event) as HCNetSDK names them
(MINOR_LEGAL_CARD_PASS and so on). The controller pushes over HTTP; a bridge publishes on this topic. Names, employee
numbers and card numbers are personal data and never leave this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.vocabulary import Quality

from .contract import Decoded, Reading, Reject
from .document import is_short, number_of, read_object, refuse, rfc3339_ns

_EVENT = 5
_GRANTED, _REFUSED = ("access_granted", 1.0), ("access_granted", 0.0)
# minor code of major type 5 -> metric and value
_CODES: Mapping[int, tuple[str, float]] = {
    1: _GRANTED,  # card
    2: _GRANTED,  # card and password
    3: _REFUSED,
    5: _REFUSED,  # too many wrong attempts
    6: _REFUSED,  # no right to this door
    7: _REFUSED,  # not at this time
    8: _REFUSED,  # card out of date
    9: _REFUSED,  # card unknown
    10: _REFUSED,  # anti-passback
    21: ("lock_open", 1.0),
    22: ("lock_open", 0.0),
    25: ("open", 1.0),
    26: ("open", 0.0),
    27: ("forced", 1.0),
    38: _GRANTED,  # fingerprint
    39: _REFUSED,
    75: _GRANTED,  # face recognition
    76: _REFUSED,
}


class HikvisionIsapiDecoder:
    """Decoder of access controllers. Holds no state. The sensor is the controller's MAC address and its door.

    Works badly for: codes outside the table, which yield a notice; `forced`, which the controller never ends.

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
        self.subscriptions: Sequence[str] = (f"{base}/+/AccessControllerEvent",)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under the base topic."""
        return topic.startswith(self._base)

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one access event."""
        if not topic.endswith("/AccessControllerEvent"):
            return Decoded(ignored="event")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        event, address = document.get("AccessControllerEvent"), document.get("macAddress")
        if not isinstance(event, dict) or not is_short(address):
            return refuse(Reject("type", "an event has AccessControllerEvent and macAddress"))
        time_ns = rfc3339_ns(document.get("dateTime"))
        if time_ns is None and document.get("dateTime") is not None:
            return refuse(Reject("time_format", "dateTime is RFC 3339 with offset"))
        return _meaning(str(address), event, time_ns)


def _meaning(address: str, event: Mapping[str, Any], time_ns: int | None) -> Decoded:
    """Decode the event's code; CurrentEvent false marks backfill after a lost connection."""
    major, minor = event.get("majorEventType"), event.get("subEventType")
    found = _CODES.get(minor) if isinstance(minor, int) else None
    if major != _EVENT or found is None:
        return Decoded(ignored="event", notices=("unknown_event",) if major == _EVENT else ())
    door, serial = number_of(event.get("doorNo")), number_of(event.get("serialNo"))
    if door is None or door != int(door):
        return refuse(Reject("type", "an event has doorNo"))
    metric, value = found
    quality = Quality.HISTORICAL if event.get("currentEvent") is False else Quality.GOOD
    dims = {} if serial is None else {"serial": int(serial)}
    sensor = f"{address.lower()}/door{int(door)}"
    return Decoded(
        readings=(Reading(sensor, "gate", metric, value, "bool", time_ns=time_ns, quality=quality, dims=dims),)
    )
