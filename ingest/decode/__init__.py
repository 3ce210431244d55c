"""Wire formats: topic and payload of a message -> readings, availability and notices."""

from .chirpstack import ChirpStackDecoder
from .contract import Availability, Decoded, Decoder, Media, Reading, Reject, Remembering, Request
from .frigate import FrigateDecoder
from .lorawan import LorawanTable, load_table
from .native import NativeDecoder
from .routing import FOREIGN, Router, decoders
from .zigbee2mqtt import Zigbee2MqttDecoder

__all__ = [
    "FOREIGN",
    "Availability",
    "ChirpStackDecoder",
    "Decoded",
    "Decoder",
    "FrigateDecoder",
    "LorawanTable",
    "Media",
    "NativeDecoder",
    "Reading",
    "Reject",
    "Remembering",
    "Request",
    "Router",
    "Zigbee2MqttDecoder",
    "decoders",
    "load_table",
]
