"""Messages from an MQTT broker: connection by paho-mqtt, reading by chunks, acknowledgement after the log."""

from .client import Subscriber
from .errors import MalformedStream, MqttError, PlainRefused, SecretUnreadable
from .first_arrivals import Heard
from .frames import FrameParser
from .pending import Chunk, Failing
from .settings import MqttSettings
from .transient_session import Ear
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
