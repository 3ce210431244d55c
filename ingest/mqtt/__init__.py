"""Messages from an MQTT broker: connection by paho-mqtt, reading by chunks, acknowledgement after the log."""

from .client import Subscriber
from .ear import Ear
from .errors import MalformedStream, MqttError, PlainRefused, SecretUnreadable
from .frames import FrameParser
from .heard import Heard
from .pending import Chunk, Failing
from .settings import MqttSettings
from .urgent import urgent_filters

__all__ = [
    "Chunk",
    "Ear",
    "Failing",
    "FrameParser",
    "Heard",
    "MalformedStream",
    "MqttError",
    "MqttSettings",
    "PlainRefused",
    "SecretUnreadable",
    "Subscriber",
    "urgent_filters",
]
