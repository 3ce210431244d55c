"""Which decoder speaks for a topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .chirpstack import ChirpStackDecoder
from .contract import Decoded, Decoder, Reject
from .esphome import EspHomeDecoder
from .frigate import FrigateDecoder
from .ha_discovery import HaDiscoveryDecoder
from .hikvision_isapi import HikvisionIsapiDecoder
from .homie import HomieDecoder
from .lorawan import LorawanTable, load_table
from .native import NativeDecoder
from .onvif_mqtt import OnvifMqttDecoder
from .senml import SenmlDecoder
from .shelly_gen2 import ShellyGen2Decoder
from .sparkplug_b import SparkplugBDecoder
from .tasmota import TasmotaDecoder
from .tts_v3 import TtsV3Decoder
from .zigbee2mqtt import Zigbee2MqttDecoder

_ROOTED: Mapping[str, Callable[[LorawanTable], Decoder]] = {
    "zigbee2mqtt": lambda _: Zigbee2MqttDecoder(),
    "frigate": lambda _: FrigateDecoder(),
    "chirpstack": ChirpStackDecoder,
    "tts_v3": TtsV3Decoder,
    "senml": lambda _: SenmlDecoder(),
    "homie": lambda _: HomieDecoder(),
    "sparkplug_b": lambda _: SparkplugBDecoder(),
    "tasmota": lambda _: TasmotaDecoder(),
    "hikvision_isapi": lambda _: HikvisionIsapiDecoder(),
}
"""Formats with a root of their own in the tree of topics."""

_SHAPED: Mapping[str, Callable[[], Decoder]] = {
    "onvif_mqtt": OnvifMqttDecoder,
    "shelly_gen2": ShellyGen2Decoder,
    "esphome": EspHomeDecoder,
}
"""Formats whose topics begin with a device's name and are told by their shape."""

FOREIGN = ("ha_discovery", *_ROOTED, *_SHAPED)
"""Names of the foreign formats, in the order in which they are asked; the native format is asked after them."""


def decoders(formats: Sequence[str] = FOREIGN, *, lorawan: LorawanTable | None = None) -> list[Decoder]:
    """Fresh decoders of the foreign formats named. lorawan: profiles in place of those that come along.

    Raises ValueError for an unknown format.
    """
    unknown = [name for name in formats if name not in FOREIGN]
    if unknown:
        raise ValueError(f"no format {', '.join(unknown)}; there are {', '.join(FOREIGN)}")
    table = lorawan or load_table()
    rooted = {name: build(table) for name, build in _ROOTED.items() if name in formats}
    native = NativeDecoder()

    def taken(topic: str) -> bool:
        return native.locate(topic) is not None or any(part.claims(topic) for part in rooted.values())

    announced: dict[str, Decoder] = {"ha_discovery": HaDiscoveryDecoder(taken=taken)}
    built = announced | rooted | {name: build() for name, build in _SHAPED.items() if name in formats}
    return [built[name] for name in FOREIGN if name in formats]


class Router:
    """Several decoders as one: the first that claims a topic decodes it."""

    name = "router"

    def __init__(self, parts: Sequence[Decoder] | None = None) -> None:
        """parts: in the order in which they are asked; None for all formats."""
        self._parts = (*decoders(), NativeDecoder()) if parts is None else tuple(parts)

    @property
    def subscriptions(self) -> Sequence[str]:
        """The topic filters of all of them, each once."""
        return tuple(dict.fromkeys(topic for part in self._parts for topic in part.subscriptions))

    def find(self, topic: str) -> Decoder | None:
        """The decoder that speaks for a topic."""
        return next((part for part in self._parts if part.claims(topic)), None)

    def claims(self, topic: str) -> bool:
        """Whether any of them speaks for the topic."""
        return self.find(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """What the message means; a topic that nobody speaks for is refused."""
        part = self.find(topic)
        if part is None:
            return Decoded(rejects=(Reject("topic", "no decoder speaks for this topic"),))
        return part.decode(topic, payload, retained=retained, now_ns=now_ns)
