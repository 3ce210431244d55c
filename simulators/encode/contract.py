"""What every wire format's encoder takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from simulators.campus.fleet import Device, Samples


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message and the moment at which it is sent (ms since 1970 UTC)."""

    time_ms: int
    topic: str
    payload: bytes
    retain: bool = False


class Encoder(Protocol):
    """One wire format of one play: the bridge, gateway or firmware that speaks it.

    An encoder is made with the fleet, and may keep state (sequence numbers, births already sent, a device's last known
    values). Must hold for every implementation: same calls, same bytes; rows of one call come in any order and are sent
    in order of `sent_ms`, then device; however a stretch of time is cut into calls, the same messages come out; every
    value goes out in the unit and with the digits that real devices of this format use, and never changed by more than
    the format's own resolution; NaN is sent as the format says "no measurement", or left out.
    """

    name: str

    def carries(self, device: Device) -> bool:
        """Whether devices of this kind speak the format."""
        ...

    def identity(self, device: Device, metric: str) -> str:
        """The sensor's identity on the wire, as a receiver finds it."""
        ...

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """What is sent when these devices (indexes into the fleet) come up: availability, births, descriptions."""
        ...

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """The messages of these rows."""
        ...

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """What the broker or the bridge publishes when these devices are gone: last wills, availability."""
        ...
