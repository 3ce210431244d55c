"""Which decoder speaks for a topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .chirpstack import ChirpStackDecoder
from .contract import Decoded, Decoder, Reject
from .frigate import FrigateDecoder
from .lorawan import load_table
from .native import NativeDecoder
from .senml import SenmlDecoder
from .zigbee2mqtt import Zigbee2MqttDecoder

FOREIGN = ("zigbee2mqtt", "frigate", "chirpstack", "senml")
"""Names of the foreign formats, in the order in which they are asked."""


def decoders(formats: Sequence[str] = FOREIGN, *, lorawan: Path | None = None) -> list[Decoder]:
    """Fresh decoders of the foreign formats named. lorawan: a table laid over the one that comes with the service.

    Raises ValueError for an unknown format, TableError for a table that cannot be used.
    """
    build: dict[str, Callable[[], Decoder]] = {
        "zigbee2mqtt": Zigbee2MqttDecoder,
        "frigate": FrigateDecoder,
        "chirpstack": lambda: _chirpstack(lorawan),
        "senml": SenmlDecoder,
    }
    unknown = [name for name in formats if name not in build]
    if unknown:
        raise ValueError(f"no format {', '.join(unknown)}; there are {', '.join(FOREIGN)}")
    return [build[name]() for name in formats]


def _chirpstack(lorawan: Path | None) -> ChirpStackDecoder:
    table = load_table()
    return ChirpStackDecoder(table if lorawan is None else table.extended(load_table(lorawan)))


class Router:
    """Several decoders as one: the first that claims a topic decodes it."""

    name = "router"

    def __init__(self, parts: Sequence[Decoder] | None = None) -> None:
        """parts: in the order in which they are asked; None for the native format and all foreign ones."""
        self._parts = (NativeDecoder(), *decoders()) if parts is None else tuple(parts)
        filters = (topic for part in self._parts for topic in part.subscriptions)
        self.subscriptions: Sequence[str] = tuple(dict.fromkeys(filters))

    def find(self, topic: str) -> Decoder | None:
        """The decoder that speaks for a topic."""
        return next((part for part in self._parts if part.claims(topic)), None)

    def claims(self, topic: str) -> bool:
        """Whether any of them speaks for the topic."""
        return self.find(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """What the message means; a topic that nobody speaks for is refused."""
        part = self.find(topic)
        if part is None:
            return Decoded(rejects=(Reject("topic", "no decoder speaks for this topic"),))
        return part.decode(topic, payload, retained=retained, now_ns=now_ns)
