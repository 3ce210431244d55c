"""The bytes that real devices and bridges send, written from the format documents; shares nothing with the decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulators.encode.contract import Encoder, Message
from simulators.encode.mixed import alone
from simulators.encode.native import Batched, Native
from simulators.encode.zigbee2mqtt import Zigbee2Mqtt
from simulators.fleet import Fleet

ENCODERS: Mapping[str, Callable[[Fleet], Encoder]] = {
    "native": Native,
    "batched": Batched,
    "zigbee2mqtt": alone("zigbee2mqtt", Zigbee2Mqtt),
}
"""Name of a format -> what speaks it for a whole fleet; devices that a format does not carry speak native."""

__all__ = ["ENCODERS", "Encoder", "Message"]
