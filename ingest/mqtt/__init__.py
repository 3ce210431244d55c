"""MQTT input: connection by paho-mqtt, chunked reader, acknowledgement after the log."""

from .client import SLOW_WRITE_S, Subscriber
from .connection import status_topic
from .errors import MalformedStream, MqttError, PlainRefused, SecretUnreadable
from .first_arrivals import FirstArrivals
from .frames import FrameParser
from .pending import Chunk, Failing
from .settings import MqttSettings, check_connection
from .takeover import Takeovers
from .transient_session import TransientSession
from .urgent import urgent_filters

__all__ = [
    "SLOW_WRITE_S",
    "Chunk",
    "Failing",
    "FirstArrivals",
    "FrameParser",
    "MalformedStream",
    "MqttError",
    "MqttSettings",
    "PlainRefused",
    "SecretUnreadable",
    "Subscriber",
    "Takeovers",
    "TransientSession",
    "check_connection",
    "status_topic",
    "urgent_filters",
]
