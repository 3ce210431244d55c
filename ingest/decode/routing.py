"""Router from a topic to the decoder of its format."""

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
from .shelly_gen1 import ShellyGen1Decoder
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
"""Formats with their own root in the topic tree."""

_SHAPED: Mapping[str, Callable[[], Decoder]] = {
    "onvif_mqtt": OnvifMqttDecoder,
    "shelly_gen1": ShellyGen1Decoder,
    "shelly_gen2": ShellyGen2Decoder,
    "esphome": EspHomeDecoder,
}
"""Formats whose topics begin with a device name; the form of the topic identifies them."""

FOREIGN = ("ha_discovery", *_ROOTED, *_SHAPED)
"""Names of the foreign formats in routing order; the native format comes last."""


def decoders(
    formats: Sequence[str] = FOREIGN, *, lorawan: LorawanTable | None = None, homie: str = "homie"
) -> list[Decoder]:
    """Return new decoders of the named foreign formats.

    lorawan: profiles that replace the packaged ones. homie: domain of the Homie topics. Raises ValueError for an
    unknown format.
    """
    unknown = [name for name in formats if name not in FOREIGN]
    if unknown:
        raise ValueError(f"no format {', '.join(unknown)}; there are {', '.join(FOREIGN)}")
    table = lorawan or load_table()
    rooted = {name: build(table) for name, build in _ROOTED.items() if name in formats}
    if "homie" in rooted:
        rooted["homie"] = HomieDecoder(base=homie)
    native = NativeDecoder()

    def taken(topic: str) -> bool:
        return native.locate(topic) is not None or any(part.claims(topic) for part in rooted.values())

    announced: dict[str, Decoder] = {"ha_discovery": HaDiscoveryDecoder(taken=taken)}
    built = announced | rooted | {name: build() for name, build in _SHAPED.items() if name in formats}
    return [built[name] for name in FOREIGN if name in formats]


class Router:
    """Several decoders as one: the first decoder that claims a topic decodes it."""

    name = "router"

    def __init__(self, parts: Sequence[Decoder] | None = None) -> None:
        """parts: decoders in routing order; None for all formats."""
        self._parts = (*decoders(), NativeDecoder()) if parts is None else tuple(parts)

    @property
    def subscriptions(self) -> Sequence[str]:
        """Return the topic filters of all decoders, each once."""
        return tuple(dict.fromkeys(topic for part in self._parts for topic in part.subscriptions))

    def find(self, topic: str) -> Decoder | None:
        """Return the decoder that claims a topic; None without one."""
        return next((part for part in self._parts if part.claims(topic)), None)

    def claims(self, topic: str) -> bool:
        """Return whether any decoder claims the topic."""
        return self.find(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """Decode one message; a topic without a decoder is rejected."""
        part = self.find(topic)
        if part is None:
            return Decoded(rejects=(Reject("topic", "no decoder claims this topic"),))
        return part.decode(topic, payload, retained=retained, now_ns=now_ns)
