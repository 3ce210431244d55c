"""Encoders: bytes of real devices and bridges, written from the format documents."""

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
"""Model -> formats among which its devices are divided on a campus with several formats; other models use native.

Only formats that keep a device's id: the registry of the seeded school identifies sensors by it.
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
    """Return the encoder of a campus with several formats: each device uses the format of its bridge."""
    return Mixed(fleet, {name: MAKERS[name] for name in ("zigbee2mqtt", "tasmota", "shelly_gen2")}, CHOICES)


ENCODERS: Mapping[str, Callable[[Fleet], Encoder]] = {
    "native": Native,
    "batched": Batched,
    **{name: alone(name, make) for name, make in MAKERS.items()},
    "all": everything,
}
"""Name of a format -> encoder of a whole fleet; devices outside the format use native."""


def last_will(formats: str, fleet: Fleet) -> Message | None:
    """Return the last will of a fleet's only connection: the bridge's message for the loss of all devices.

    None where every device has its own will, or the format has none.
    """
    encoder = ENCODERS[formats](fleet)
    devices = range(len(fleet.devices))
    encoder.begin(devices, 0)
    lost = encoder.lose(devices, 0)
    return lost[0] if len(lost) == 1 else None


__all__ = ["ENCODERS", "MAKERS", "Encoder", "Message", "last_will"]
