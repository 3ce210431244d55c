"""Contract of the decoders: input and output of every wire format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ingest.vocabulary import Quality


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value as found on the wire, in the metric's canonical unit.

    time_ns: event time, ns since 1970 UTC; None when the message carries none, and the arrival time counts.
    gateway_ns: time of reception at the gateway, where the format carries it. dims: labels of an event.
    lasts_s: time after which a true state ends without a message; 0 if a message reports its end.
    device: device of which this sensor is a probe or a channel; "" where the sensor is the device itself.
    doubt: reason code of a time in the message that could not be used ("time_format", "time_past", "time_future");
    `time_ns` is then None. The reading is stored and evaluated at its arrival.
    card: number of the card of a grant; the intake stores a pseudonym of it only.
    """

    sensor: str
    kind: str
    metric: str
    value: float
    unit: str
    time_ns: int | None = None
    gateway_ns: int | None = None
    quality: Quality = Quality.GOOD
    dims: Mapping[str, Any] = field(default_factory=dict)
    device: str = ""
    doubt: str = ""
    lasts_s: float = 0.0
    card: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Availability:
    """A device, bridge or gateway went online or offline; reason where the wire gives one.

    asleep: the device announced a sleep until its next wake-up; it is not lost.
    """

    sensor: str
    online: bool
    reason: str = ""
    asleep: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """A message, or one value of it, that must not be stored.

    reason: a code of `ingest.decode.REASONS`. detail: one line for people. rows: number of rejected readings.
    """

    reason: str
    detail: str = ""
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Media:
    """A picture that belongs to a sensor's event; the bytes stay in the message."""

    sensor: str
    type: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A message to publish, which requests missing data from the device."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Decoded:
    """Result of decoding one message. `ignored` gives the reason for an empty result ("command", "log").

    subscribe: topics that the message announced. numbers: sequence numbers of the device, in order, where the format
    has them. gateway: the sensor whose availability covers the sensors of this message, where the format names it.
    memory: key -> value of decoder state that must survive a restart; None removes a key.
    renamed: (old, new) name of devices or sensors that the message renamed; place and history follow the new name.
    unread: keys of the message that hold a value and gave no reading, and that no table ignores with a reason.
    device: device of the message, for a message whose readings do not name it.
    """

    readings: Sequence[Reading] = ()
    availability: Sequence[Availability] = ()
    declares: Sequence[str] = ()
    removed: Sequence[str] = ()
    notices: Sequence[str] = ()
    rejects: Sequence[Reject] = ()
    media: Media | None = None
    ignored: str = ""
    numbers: Sequence[int] = ()
    requests: Sequence[Request] = ()
    subscribe: Sequence[str] = ()
    memory: Mapping[str, bytes | None] = field(default_factory=dict)
    gateway: str = ""
    renamed: Sequence[tuple[str, str]] = ()
    unread: Sequence[str] = ()
    device: str = ""


@dataclass(slots=True)
class Outgoing:
    """Messages to publish and topics to subscribe to, as decoded messages requested."""

    requests: list[Request] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)


class Decoder(Protocol):
    """One wire format. Its input is bytes and topics, independent of transport.

    Every implementation holds these rules: `decode` raises on no input. An unreadable value becomes a Reject; a missing
    measurement yields nothing. The same input in the same order gives the same output. State is bounded.
    """

    name: str

    @property
    def subscriptions(self) -> Sequence[str]:
        """Return the topic filters to subscribe to; announcements may add filters."""
        ...

    def claims(self, topic: str) -> bool:
        """Return whether a topic belongs to this format."""
        ...

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """Decode one message. now_ns: arrival time, ns since 1970 UTC."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A decoder whose state survives a restart.

    Every implementation holds this rule: a new decoder with the recalled memory decodes the next messages as the
    earlier decoder would.
    """

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore keys and values of `Decoded.memory`, in the order of their first appearance. Never raises."""
        ...
