"""Errors between the broker and the frames.

MqttError(IngestError)
├── MalformedStream   the broker's bytes are no MQTT; the connection must close
├── PlainRefused      a broker off loopback without TLS, without allow_plain
└── SecretUnreadable  the file with user name or password is unusable
"""

from __future__ import annotations

from ingest.errors import IngestError


class MqttError(IngestError):
    """Base of all errors of this package."""


class MalformedStream(MqttError):  # noqa: N818 - names the state
    """The bytes after this point are no MQTT."""


class PlainRefused(MqttError):  # noqa: N818 - names the state
    """A connection without TLS would leave this machine. host: the configured broker."""

    def __init__(self, host: str) -> None:
        super().__init__(f"broker {host} is not on this machine: use mqtts://, or set allow_plain = true")
        self.host = host


class SecretUnreadable(MqttError):  # noqa: N818 - names the state
    """The secret at `path` is missing, empty or readable by others."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"secret file {path}: {why}")
        self.path = path
