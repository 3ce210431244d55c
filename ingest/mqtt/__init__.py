"""Messages from an MQTT broker: connection by paho-mqtt, reading by chunks, acknowledgement after the log."""

from .client import Subscriber
from .errors import MalformedStream, MqttError, PlainRefused, SecretUnreadable
from .frames import Frame, FrameParser
from .settings import MqttSettings

__all__ = [
    "Frame",
    "FrameParser",
    "MalformedStream",
    "MqttError",
    "MqttSettings",
    "PlainRefused",
    "SecretUnreadable",
    "Subscriber",
]
