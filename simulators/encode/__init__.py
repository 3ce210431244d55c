"""The bytes that real devices and bridges send, written from the format documents; shares nothing with the decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulators.encode.contract import Encoder, Message
from simulators.encode.mixed import Mixed, alone
from simulators.encode.native import Batched, Native
from simulators.encode.senml import Senml
from simulators.encode.zigbee2mqtt import Zigbee2Mqtt
from simulators.fleet import Fleet

CHOICES: Mapping[str, tuple[str, ...]] = {
    "smoke": ("zigbee2mqtt", "native"),
    "leak": ("zigbee2mqtt",),
    "room": ("zigbee2mqtt", "native"),
    "socket": ("zigbee2mqtt", "native"),
}
"""Model -> the formats among which its devices are divided on a campus that speaks several; others speak native.

Only formats that keep a device's id: the registry of the seeded school knows its sensors by it.
"""


def everything(fleet: Fleet) -> Encoder:
    """A campus as it grows: each device speaks the format of the bridge that it hangs on."""
    return Mixed(fleet, {"zigbee2mqtt": Zigbee2Mqtt}, CHOICES)


ENCODERS: Mapping[str, Callable[[Fleet], Encoder]] = {
    "native": Native,
    "batched": Batched,
    "zigbee2mqtt": alone("zigbee2mqtt", Zigbee2Mqtt),
    "senml": alone("senml", Senml),
    "all": everything,
}
"""Name of a format -> what speaks it for a whole fleet; devices that a format does not carry speak native."""

__all__ = ["ENCODERS", "Encoder", "Message"]
