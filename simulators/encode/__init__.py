"""The bytes that real devices and bridges send, written from the format documents; shares nothing with the decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulators.campus.fleet import Fleet
from simulators.encode.chirpstack import ChirpStack
from simulators.encode.contract import Encoder, Message
from simulators.encode.frigate import Frigate
from simulators.encode.homie import Homie
from simulators.encode.mixed import Mixed, alone
from simulators.encode.native import Batched, Native
from simulators.encode.senml import Senml
from simulators.encode.shelly_gen2 import ShellyGen2
from simulators.encode.sparkplug_b import SparkplugB
from simulators.encode.tasmota import Tasmota
from simulators.encode.zigbee2mqtt import Zigbee2Mqtt

CHOICES: Mapping[str, tuple[str, ...]] = {
    "smoke": ("zigbee2mqtt", "native"),
    "leak": ("zigbee2mqtt", "shelly_gen2"),
    "room": ("zigbee2mqtt", "tasmota", "native"),
    "socket": ("zigbee2mqtt", "tasmota", "shelly_gen2", "native"),
}
"""Model -> the formats among which its devices are divided on a campus that speaks several; others speak native.

Only formats that keep a device's id: the registry of the seeded school knows its sensors by it.
"""


MAKERS: Mapping[str, Callable[[Fleet], Encoder]] = {
    "chirpstack": ChirpStack,
    "frigate": Frigate,
    "homie": Homie,
    "senml": Senml,
    "shelly_gen2": ShellyGen2,
    "sparkplug_b": SparkplugB,
    "tasmota": Tasmota,
    "zigbee2mqtt": Zigbee2Mqtt,
}


def everything(fleet: Fleet) -> Encoder:
    """A campus as it grows: each device speaks the format of the bridge that it hangs on."""
    return Mixed(fleet, {name: MAKERS[name] for name in ("zigbee2mqtt", "tasmota", "shelly_gen2")}, CHOICES)


ENCODERS: Mapping[str, Callable[[Fleet], Encoder]] = {
    "native": Native,
    "batched": Batched,
    **{name: alone(name, make) for name, make in MAKERS.items()},
    "all": everything,
}
"""Name of a format -> what speaks it for a whole fleet; devices that a format does not carry speak native."""


def last_will(formats: str, fleet: Fleet) -> Message | None:
    """What the broker publishes when the only connection of a fleet breaks: the bridge's one word for the loss of all.

    None where every device would have a will of its own, or the format has none.
    """
    encoder = ENCODERS[formats](fleet)
    devices = range(len(fleet.devices))
    encoder.begin(devices, 0)
    lost = encoder.lose(devices, 0)
    return lost[0] if len(lost) == 1 else None


__all__ = ["ENCODERS", "MAKERS", "Encoder", "Message", "last_will"]
