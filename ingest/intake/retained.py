"""Retained messages: the state at a connect, and detection of those already stored.

A message with its own time or sequence number is a duplicate of any equal message. A message with neither is a
duplicate only of the last message of its topic: a state that returns after another one is new. Nothing here makes a
live message a duplicate.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ingest.decode.contract import Decoded, Reading
from ingest.frame import RETAIN, Frame
from ingest.vocabulary import STANDING, Quality

from .duplicates import Duplicates, own_key, topic_seed
from .hot_path import Route

MEMORY = "_retained"
"""Owner name of retained messages in the durable memory."""

STATE = "standing"
"""Doubt of a life-safety state that stands at a connect: its begin is unknown."""

TOPICS_MAX = 200_000
_SIZE = 8


class _Copy(NamedTuple):
    """A retained message: content key, and whether it has its own time or sequence number."""

    content: int
    own: bool


class RetainedCopies:
    """Retained messages by topic, and the last live content of topics without time and sequence number.

    At most TOPICS_MAX of each; the oldest are dropped first. `forgotten_total` counts dropped retained messages, which
    are stored again when the broker delivers them again.
    """

    def __init__(
        self,
        routes: MutableMapping[bytes, Route],
        duplicates: Duplicates,
        memory: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """routes, duplicates: of the intake; memory: stored memory of all owners."""
        self._routes, self._duplicates = routes, duplicates
        self._copies: OrderedDict[int, _Copy] = OrderedDict()
        self._live: OrderedDict[int, int] = OrderedDict()
        self._memory: dict[tuple[str, str], bytes | None] = {}
        self.forgotten_total = 0
        for name, key, value in memory:
            if name == MEMORY and len(value) == _SIZE + 1:
                self._copies[int(key, 16)] = _Copy(int.from_bytes(value[:_SIZE], "big"), own=bool(value[_SIZE]))

    def repeats(self, frame: Frame, *, own: bool) -> bool:
        """Return whether a retained message is already stored; own: it has its own time or sequence number."""
        _, _, topic, payload = frame
        seed = topic_seed(topic)
        content = own_key(payload, seed)
        if self._copies.get(seed) == (content, own):
            return True
        if own:
            return content in self._duplicates.own
        route = self._routes.get(topic)
        last = self._live.get(seed) if route is None or route.last is None else route.last
        return content == last

    def read(self, frame: Frame, decoded: Decoded, *, own: bool) -> Decoded:
        """Return the message to store: readings of a retained message get quality RETAINED.

        A life-safety state in it has the doubt STATE: the detectors evaluate it as an alarm of unknown age.
        """
        flags, _, topic, payload = frame
        if not decoded.readings:
            return decoded
        if not flags & RETAIN:
            self._note_live(topic, payload, own=own)
            return decoded
        self._remember(topic, payload, own=own)
        return replace(decoded, readings=[_state(reading) for reading in decoded.readings])

    def awaits(self, topic: bytes) -> bool:
        """Return whether the next live message of a topic must pass here: its copy has neither time nor number."""
        copy = self._copies.get(topic_seed(topic))
        return copy is not None and not copy.own

    def drain_memory(self) -> dict[tuple[str, str], bytes | None]:
        """Return the changes to store since the last call; None removes a value."""
        memory, self._memory = self._memory, {}
        return memory

    def _remember(self, topic: bytes, payload: bytes, *, own: bool) -> None:
        """Make the retained message the last content of its topic, instead of an earlier live message."""
        seed = topic_seed(topic)
        copy = _Copy(own_key(payload, seed), own)
        self._live.pop(seed, None)
        if not own:
            self._routes.pop(topic, None)  # the next live message must take the slow path
        elif topic in self._routes:
            self._routes[topic].last = None
        self._copies[seed] = copy
        self._copies.move_to_end(seed)
        self._memory[MEMORY, f"{seed:016x}"] = copy.content.to_bytes(_SIZE, "big") + bytes([own])
        if len(self._copies) > TOPICS_MAX:
            self.forgotten_total += 1
            self._forget(next(iter(self._copies)))

    def _note_live(self, topic: bytes, payload: bytes, *, own: bool) -> None:
        """Record a live message: it replaces a retained one without time and number as the last content."""
        if own and not self._copies:
            return
        seed = topic_seed(topic)
        if not own:
            self._live[seed] = own_key(payload, seed)
            self._live.move_to_end(seed)
            if len(self._live) > TOPICS_MAX:
                self._live.popitem(last=False)
        copy = self._copies.get(seed)
        if copy is not None and not copy.own:  # the hot path accepts the next one and records its content
            self._forget(seed)

    def _forget(self, seed: int) -> None:
        del self._copies[seed]
        self._memory[MEMORY, f"{seed:016x}"] = None


def _state(reading: Reading) -> Reading:
    """Return the reading of a retained message: a flag that is off, a test or a fault raises nothing."""
    stands = reading.metric in STANDING and reading.quality == Quality.GOOD
    stands = stands and (reading.unit != "bool" or reading.value == 1)
    return replace(reading, quality=Quality.RETAINED, doubt=STATE if stands else reading.doubt)
