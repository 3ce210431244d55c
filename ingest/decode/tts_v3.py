"""The Things Stack v3: `v3/{application}[@{tenant}]/devices/{device}/up` in JSON.

Source: TheThingsIndustries/lorawan-stack-docs, integrations/data-formats. The envelope omits fields that are zero. The
table of device profiles (lorawan.toml) gives the meaning of the payload formatter's fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, gathered, is_short, read_object, refuse, rfc3339_ns
from .lorawan import LorawanTable, load_table
from .throttle import FLAGS, Throttle

_TOPIC = re.compile(r"v3/[^/]+/devices/([^/]{1,128})/(up|join)")
_MODEL_FIELDS = ("Node_type", "Device", "model", "Model")


class TtsV3Decoder:
    """Decoder of The Things Stack. Its state: the reported flags of each device.

    Works badly for: devices without a payload formatter, which yield a notice and no reading; history that a formatter
    packs under its own names.

    >>> message = b'{"uplink_message": {"decoded_payload": {"temperature": 21.5}}}'
    >>> decoded = TtsV3Decoder().decode("v3/app/devices/lab/up", message, retained=False, now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('temperature', 21.5)]
    """

    name = "tts_v3"
    subscriptions: Sequence[str] = ("v3/+/devices/+/up", "v3/+/devices/+/join")

    def __init__(self, table: LorawanTable | None = None) -> None:
        """table: meanings of the fields; None for the packaged table."""
        self._table = table or load_table()
        self._thinner = Throttle(FLAGS)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under v3/."""
        return topic.startswith("v3/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002, PLR0911 - contract; a return a case
        """Decode one uplink; its time is the network server's time of reception."""
        found = _TOPIC.fullmatch(topic)
        if found is None:
            return Decoded(ignored="command")
        device, event = found.groups()
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        named = branch(document, "end_device_ids").get("device_id")
        if isinstance(named, str) and named != device:
            return refuse(Reject("identity", f"device_id {named[:80]!r} differs from the topic"))
        if event == "join":
            return Decoded(availability=(Availability(device, online=True),))
        uplink = branch(document, "uplink_message")
        given = uplink.get("received_at", document.get("received_at"))
        time_ns = rfc3339_ns(given)
        if given is not None and time_ns is None:
            return refuse(Reject("time_format", "want RFC 3339 with offset"))
        fields = uplink.get("decoded_payload")
        if not isinstance(fields, dict) or not fields:
            return Decoded(ignored="no_codec", notices=(f"no_codec: {device}",))
        stamp = Reading(device, "device", "", 0.0, "", time_ns=time_ns, gateway_ns=_gateway_ns(uplink))
        meaning = self._table.interpret(self._profile(uplink, fields), fields, stamp)
        readings = self._thinner.thin(device, meaning.readings, now_ns)
        return gathered(readings, meaning.rejects, notices=meaning.notices)

    def _profile(self, uplink: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
        """Return the device's model: as registered, as named in the payload, or as identified by its field names."""
        named = (branch(uplink, "version_ids").get("model_id"), *(fields.get(key) for key in _MODEL_FIELDS))
        return next((str(word) for word in named if is_short(word)), "") or self._table.recognise(fields)


def _gateway_ns(uplink: Mapping[str, Any]) -> int | None:
    """Return the time at which the first gateway received the message; None without a gateway clock."""
    received = uplink.get("rx_metadata")
    first = received[0] if isinstance(received, list) and received else None
    return rfc3339_ns(first.get("time")) if isinstance(first, dict) else None
