"""The Things Stack v3: `v3/{application}[@{tenant}]/devices/{device}/up` in JSON.

Source: TheThingsIndustries/lorawan-stack-docs, integrations/data-formats. The envelope omits fields that are zero. The
table of device profiles (lorawan.toml) gives the meaning of the payload formatter's fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, read_object, refuse
from .lorawan import LorawanTable, load_table
from .times import WireTime, read_time
from .units import Quantity, read_quantity
from .uplink import Uplinks, gateway_ns, no_codec

_TOPIC = re.compile(r"v3/[^/]+/devices/([^/]{1,128})/(up|join)")


class TtsV3Decoder:
    """Decoder of The Things Stack. Its state: the reported flags and faults of each device.

    Works badly for: devices without a payload formatter, which yield a notice and no reading; history that a formatter
    packs as a text.

    >>> message = b'{"uplink_message": {"decoded_payload": {"temperature": 21.5}}}'
    >>> decoded = TtsV3Decoder().decode("v3/app/devices/lab/up", message, retained=False, now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('temperature', 21.5)]
    """

    name = "tts_v3"
    subscriptions: Sequence[str] = ("v3/+/devices/+/up", "v3/+/devices/+/join")

    def __init__(self, table: LorawanTable | None = None) -> None:
        """table: meanings of the fields; None for the packaged table."""
        self._uplinks = Uplinks(table or load_table())

    def claims(self, topic: str) -> bool:
        """Return True for any topic under v3/."""
        return topic.startswith("v3/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
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
        return self._decode_uplink(document, device, now_ns)

    def _decode_uplink(self, document: Mapping[str, Any], device: str, now_ns: int) -> Decoded:
        uplink = branch(document, "uplink_message")
        fields = branch(uplink, "decoded_payload")
        if not fields:
            return no_codec(device, ("frm_payload",) if uplink.get("frm_payload") else ())
        time = _time(document, uplink, now_ns)
        at_gateway = gateway_ns(uplink.get("rx_metadata"), ("time",), now_ns)
        stamp = Reading(device, "device", "", 0.0, "", time_ns=time.time_ns, gateway_ns=at_gateway, doubt=time.doubt)
        return self._uplinks.read(
            (branch(uplink, "version_ids").get("model_id"),),
            fields,
            stamp,
            now_ns=now_ns,
            more=_battery(uplink, fields, stamp),
            simulated=document.get("simulated") is True,
        )


def _time(document: Mapping[str, Any], uplink: Mapping[str, Any], now_ns: int) -> WireTime:
    """Return the time of reception: of the network server, else of the application server."""
    stated = [read_time(part.get("received_at"), now_ns=now_ns) for part in (uplink, document)]
    usable = next((time for time in stated if time.time_ns is not None), None)
    return usable or next((time for time in stated if time.doubt), WireTime())


def _battery(uplink: Mapping[str, Any], fields: Mapping[str, Any], stamp: Reading) -> list[Reading]:
    """Return the battery that the network server got by DevStatusAns, unless the device sends its own."""
    level = read_quantity(branch(uplink, "last_battery_percentage").get("value"))
    own = any(key.lower().startswith("bat") for key in fields)
    if own or not isinstance(level, Quantity):
        return []
    return [replace(stamp, metric="battery", value=level.value, unit="%")]
