"""ChirpStack 4 and 3: `application/{id}/device/{devEUI}/event/{event}` with the JSON marshaler.

Source: chirpstack/chirpstack-docs, src/chirpstack/integrations/events.md; for version 3, the event types of the
ChirpStack Application Server (JSON: devEUI in base64 and objectJSON; JSON v3: devEUI in hex and object; before 3.11
without `/event`). The table of device profiles (lorawan.toml) gives the meaning of the codec's fields.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, gathered, read_object, refuse
from .lorawan import LorawanTable, load_table
from .times import read_time
from .units import Quantity, read_quantity
from .uplink import Uplinks, gateway_ns, no_codec

_TOPIC = re.compile(r"application/[^/]+/device/([0-9A-Fa-f]{16})/(?:event/)?([a-z]+)", re.ASCII)
IGNORED: Mapping[str, str] = {
    "ack": "confirmation of a downlink",
    "txack": "transmission of a downlink",
    "location": "position that the network server computes",
    "integration": "message of another integration",
}
"""Events without a reading, with the reason."""

_ERRORS = frozenset(("log", "error"))
_UPLINKS = frozenset(("up", "rx"))
_CODEC = "UPLINK_CODEC"
_HEX = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_POWERED, _UNKNOWN = 0, 255
_LEVEL_MAX = 254


class ChirpStackDecoder:
    """Decoder of ChirpStack. Its state: the reported flags and faults of each device.

    Works badly for: the protobuf marshaler; devices without a codec, which give a notice and no reading.

    >>> message = b'{"time": "2026-09-01T01:34:15Z", "margin": 10, "batteryLevel": 88.3}'
    >>> topic = "application/a/device/0101010101010101/event/status"
    >>> decoded = ChirpStackDecoder().decode(topic, message, retained=False, now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('battery', 88.3), ('link_margin', 10.0)]
    """

    name = "chirpstack"
    subscriptions: Sequence[str] = (
        "application/+/device/+/event/+",
        *(f"application/+/device/+/{event}" for event in ("up", "rx", "status", "join", "error")),
    )

    def __init__(self, table: LorawanTable | None = None) -> None:
        """table: meanings of the codecs' keys; None for the packaged table."""
        self._uplinks = Uplinks(table or load_table())

    def claims(self, topic: str) -> bool:
        """Return True for any topic under application/."""
        return topic.startswith("application/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002, PLR0911 - contract; a return a case
        """Decode one message; the caller decides whether retained readings count."""
        found = _TOPIC.fullmatch(topic)
        if found is None:
            return Decoded(ignored="command")
        dev_eui, event = found[1].lower(), found[2]
        if event in IGNORED:
            return Decoded(ignored=event)
        if not payload:
            return Decoded(ignored="forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        named = _eui(branch(document, "deviceInfo").get("devEui", document.get("devEUI")))
        if named not in ("", dev_eui):
            return refuse(Reject("identity", f"devEui {named[:80]!r} differs from the topic"))
        if event in _ERRORS:
            return _decode_error(document, dev_eui, event)
        if event == "join":
            return Decoded(availability=(Availability(dev_eui, online=True),))
        stamp = _stamp(document, dev_eui, now_ns)
        if event == "status":
            return _decode_status(document, stamp)
        return self._decode_uplink(document, stamp, now_ns) if event in _UPLINKS else _unknown(dev_eui)

    def _decode_uplink(self, document: Mapping[str, Any], stamp: Reading, now_ns: int) -> Decoded:
        fields = _fields(document)
        if isinstance(fields, Reject):
            return refuse(fields)
        if not fields:
            return no_codec(stamp.sensor, ("data",) if document.get("data") else ())
        about = branch(document, "deviceInfo") or document
        names = branch(about, "tags").get("model"), about.get("deviceProfileName")
        return self._uplinks.read(names, fields, stamp, now_ns=now_ns)


def _unknown(dev_eui: str) -> Decoded:
    return Decoded(ignored="event", notices=("unknown_event",), device=dev_eui)


def _stamp(document: Mapping[str, Any], dev_eui: str, now_ns: int) -> Reading:
    """Return the reading to copy: the time of the event, in version 3 that of the gateway or of the publication."""
    at_gateway = gateway_ns(document.get("rxInfo"), ("gwTime", "nsTime", "time"), now_ns)
    given = document.get("time", document.get("publishedAt"))
    stated = read_time(given, now_ns=now_ns)
    time_ns = at_gateway if given is None else stated.time_ns
    return Reading(dev_eui, "device", "", 0.0, "", time_ns=time_ns, gateway_ns=at_gateway, doubt=stated.doubt)


def _fields(document: Mapping[str, Any]) -> dict[str, Any] | Reject:
    """Return the codec's fields; version 3 may carry them as a text of JSON."""
    text = document.get("objectJSON")
    if isinstance(text, str) and text.strip():
        return read_object(text.encode(errors="surrogatepass"))
    return branch(document, "object")


def _eui(given: Any) -> str:
    """Return a device EUI in hex; it may be base64 (protobuf's JSON mapping of bytes). "" for none."""
    if not isinstance(given, str) or not given:
        return ""
    if _HEX.fullmatch(given):
        return given.lower()
    try:
        return base64.b64decode(given, validate=True).hex()
    except (binascii.Error, ValueError):
        return given[:80]


def _decode_error(document: Mapping[str, Any], dev_eui: str, event: str) -> Decoded:
    """Decode a log entry: a failed codec means an uplink without readings."""
    if _CODEC not in (document.get("code"), document.get("type")):
        return Decoded(ignored=event)
    return no_codec(dev_eui, ("data",))


def _decode_status(document: Mapping[str, Any], stamp: Reading) -> Decoded:
    """Decode battery and link margin; with external power, 0 is no battery level."""
    readings = []
    margin, level = read_quantity(document.get("margin")), _battery(document)
    if level is not None:
        readings.append(replace(stamp, metric="battery", value=level, unit="%"))
    if isinstance(margin, Quantity):
        readings.append(replace(stamp, metric="link_margin", value=margin.value, unit="dB"))
    return replace(gathered(readings), device=stamp.sensor)


def _battery(document: Mapping[str, Any]) -> float | None:
    """Return the battery in percent; the first releases sent the LoRaWAN scale of 1 to 254 (DevStatusAns)."""
    if document.get("externalPowerSource") is True or document.get("batteryLevelUnavailable") is True:
        return None
    level, scale = read_quantity(document.get("batteryLevel")), read_quantity(document.get("battery"))
    if isinstance(level, Quantity):
        return level.value
    if not isinstance(scale, Quantity) or not _POWERED < scale.value < _UNKNOWN:
        return None
    return 100 * scale.value / _LEVEL_MAX
