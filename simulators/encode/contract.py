"""Contract of the encoders: input and output of every wire format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from simulators.campus.fleet import Device, Samples


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message and its time of sending (ms since 1970 UTC)."""

    time_ms: int
    topic: str
    payload: bytes
    retain: bool = False


class Encoder(Protocol):
    """One wire format of one play: the bridge, gateway or firmware that uses it.

    An encoder is created with the fleet, and may keep state (sequence numbers, sent births, last values of a device).
    Every implementation holds these rules. Same calls, same bytes. Rows of one call have any order and are sent in
    order of `sent_ms`, then device. Any split of a span into calls gives the same messages. Every value has the unit
    and digits of real devices of this format, and differs by at most the format's resolution. NaN is sent as the
    format's "no measurement", or left out.
    """

    name: str

    def carries(self, device: Device) -> bool:
        """Return whether devices of this kind use the format."""
        ...

    def identity(self, device: Device, metric: str) -> str:
        """Return the sensor's identity on the wire, as a receiver decodes it."""
        ...

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the messages at the start of these devices (fleet indexes): availability, births, descriptions."""
        ...

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return the messages of these rows."""
        ...

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the messages of broker or bridge after the loss of these devices: last wills, availability."""
        ...
