"""ChirpStack v4: `application/{id}/device/{devEUI}/event/{event}` with the JSON marshaler.

Source: chirpstack/chirpstack-docs, src/chirpstack/integrations/events.md. The table of device profiles
(lorawan.toml) gives the meaning of the codec's `object`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest.vocabulary import Quality

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, epoch_ns, gathered, read_object, refuse, rfc3339_ns
from .lorawan import LorawanTable, Meaning, load_table
from .throttle import FLAGS, Throttle
from .units import Quantity, read_quantity

_TOPIC = re.compile(r"application/[^/]+/device/([0-9A-Fa-f]{16})/event/([a-z]+)", re.ASCII)
_QUIET = frozenset(("ack", "txack", "log", "location", "integration"))
_HISTORY_MAX = 1_000


class ChirpStackDecoder:
    """Decoder of ChirpStack v4. Its state: the reported flags of each device.

    Works badly for: the protobuf marshaler; devices without a codec, which give a notice and no reading.

    >>> message = b'{"time": "2026-09-01T01:34:15Z", "margin": 10, "batteryLevel": 88.3}'
    >>> topic = "application/a/device/0101010101010101/event/status"
    >>> decoded = ChirpStackDecoder().decode(topic, message, retained=False, now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('battery', 88.3), ('link_margin', 10.0)]
    """

    name = "chirpstack"
    subscriptions: Sequence[str] = ("application/+/device/+/event/+",)

    def __init__(self, table: LorawanTable | None = None) -> None:
        """table: meanings of the codecs' keys; None for the packaged table."""
        self._table = table or load_table()
        self._thinner = Throttle(FLAGS)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under application/."""
        return topic.startswith("application/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002, PLR0911 - contract; a return a case
        """Decode one message; the caller decides whether retained readings count."""
        found = _TOPIC.fullmatch(topic)
        if found is None:
            return Decoded(ignored="command")
        dev_eui, event = found[1].lower(), found[2]
        if event in _QUIET:
            return Decoded(ignored=event)
        if not payload:
            return Decoded(ignored="forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        named = branch(document, "deviceInfo").get("devEui")
        if isinstance(named, str) and named.lower() != dev_eui:
            return refuse(Reject("identity", f"devEui {named[:80]!r} differs from the topic"))
        if event == "join":
            return Decoded(availability=(Availability(dev_eui, online=True),))
        time_ns = rfc3339_ns(document.get("time"))
        if document.get("time") is not None and time_ns is None:
            return refuse(Reject("time_format", "want RFC 3339 with offset"))
        stamp = Reading(dev_eui, "device", "", 0.0, "", time_ns=time_ns, gateway_ns=_gateway_ns(document))
        if event == "status":
            return _decode_status(document, stamp)
        return self._decode_uplink(document, stamp, now_ns) if event == "up" else Decoded(ignored="event")

    def _decode_uplink(self, document: Mapping[str, Any], stamp: Reading, now_ns: int) -> Decoded:
        fields = document.get("object")
        if not isinstance(fields, dict) or not fields:
            return Decoded(ignored="no_codec", notices=(f"no_codec: {stamp.sensor}",))
        profile = branch(document, "deviceInfo").get("deviceProfileName")
        name = profile if isinstance(profile, str) else ""
        meaning = self._table.interpret(name, fields, stamp)
        history = fields.get("history")
        for item in history[:_HISTORY_MAX] if isinstance(history, list) else ():
            self._add_history(name, item, stamp, meaning)
        readings = self._thinner.thin(stamp.sensor, meaning.readings, now_ns)
        return gathered(readings, meaning.rejects, notices=meaning.notices)

    def _add_history(self, profile: str, item: Any, stamp: Reading, meaning: Meaning) -> None:
        """Add a value that the device stored while it had no link (Milesight: timestamp in seconds)."""
        time_ns = epoch_ns(item.get("timestamp")) if isinstance(item, dict) else None
        if time_ns is None:
            meaning.notices.append("history_without_time")
            return
        fields = {key: value for key, value in item.items() if key != "timestamp"}
        late = replace(stamp, time_ns=time_ns, quality=Quality.HISTORICAL)
        old = self._table.interpret(profile, fields, late)
        meaning.readings += old.readings
        meaning.rejects += old.rejects
        meaning.notices += old.notices


def _decode_status(document: Mapping[str, Any], stamp: Reading) -> Decoded:
    """Decode battery and link margin; with external power, 0 is no battery level."""
    readings = []
    level, margin = read_quantity(document.get("batteryLevel")), read_quantity(document.get("margin"))
    powered = document.get("externalPowerSource") is True or document.get("batteryLevelUnavailable") is True
    if isinstance(level, Quantity) and not powered:
        readings.append(replace(stamp, metric="battery", value=level.value, unit="%"))
    if isinstance(margin, Quantity):
        readings.append(replace(stamp, metric="link_margin", value=margin.value, unit="dB"))
    return gathered(readings)


def _gateway_ns(document: Mapping[str, Any]) -> int | None:
    """Return the time at which the first gateway received the message; None without a gateway clock."""
    received = document.get("rxInfo")
    first = received[0] if isinstance(received, list) and received else None
    if not isinstance(first, dict):
        return None
    return rfc3339_ns(first.get("gwTime")) or rfc3339_ns(first.get("nsTime"))
