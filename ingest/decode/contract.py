"""What every wire format's decoder takes and gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ingest.vocabulary import Quality


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value as found on the wire, in the metric's canonical unit.

    time_ns: event time, ns since 1970 UTC, or None when the message carries none (arrival counts then);
    gateway_ns: when a gateway took it, if the wire tells; dims: labels of an event.
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


@dataclass(frozen=True, slots=True)
class Availability:
    """A device, bridge or gateway went online or offline; reason where the wire gives one."""

    sensor: str
    online: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A message, or one value of it, that must not be stored.

    reason: a code of `ingest.decode.REASONS`; detail: one line for people; rows: how many readings it stands for.
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
    """A message that the format wants sent back, so that what is missing comes."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Decoded:
    """Everything that one message means. `ignored` names why a message rightly gives nothing ("command", "log").

    subscribe: topics that are wanted from now on, because the message announced them;
    numbers: the device's running numbers, in order, where the wire has them; gateway: what its sensors hang on, as the
    sensor that its availability speaks of, where the wire tells;
    memory: key -> value of what the decoder must know again after a restart, None for what may be forgotten.
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


@dataclass(slots=True)
class Outgoing:
    """Messages to be sent, and topics to be subscribed to, because of what came in."""

    requests: list[Request] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)


class Decoder(Protocol):
    """One wire format. Knows bytes and topics, nothing of transport.

    Must hold for every implementation: `decode` never raises on foreign input, whatever the bytes; a value that cannot
    be read becomes a Reject, a missing measurement becomes nothing; the same input in the same order gives the same
    output; state, if any, is bounded.
    """

    name: str

    @property
    def subscriptions(self) -> Sequence[str]:
        """Topic filters of the messages that it wants; they may become more with what is announced."""
        ...

    def claims(self, topic: str) -> bool:
        """Whether a topic belongs to this format."""
        ...

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """What the message means; now_ns is the arrival time (ns since 1970 UTC)."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A decoder whose memory outlives the process.

    Must hold for every implementation: a fresh decoder that recalls what another told to be kept understands the next
    messages as the other would.
    """

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Take back keys and values of `Decoded.memory`, in the order in which they were first told. Never raises."""
        ...
