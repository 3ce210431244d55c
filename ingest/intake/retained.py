"""Copies that the broker kept: the state at a connect, no news. Which of them were taken before.

A message that carries its own time or number is the same message wherever it is met again. One that carries neither is
known by being the last that its topic told: a state that comes back after another one is no repetition. What is
remembered here never makes a live message a repetition.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ingest.decode.contract import Decoded
from ingest.frame import RETAIN, Frame
from ingest.vocabulary import Quality

from .duplicates import Duplicates, own_key, topic_seed
from .hot_path import Route

MEMORY = "_retained"
"""The name under which kept copies stand beside what formats remember."""

TOPICS_MAX = 200_000
_SIZE = 8


class _Copy(NamedTuple):
    """A kept copy: its content, and whether that is known wherever it is met (own time or number)."""

    content: int
    own: bool


class RetainedCopies:
    """The kept copies by topic, and the last live content of topics that carry neither time nor number.

    Holds at most TOPICS_MAX of both, the oldest go first; `forgotten_total` counts the copies that did: they are stored
    once more when they come again.
    """

    def __init__(
        self,
        routes: MutableMapping[bytes, Route],
        duplicates: Duplicates,
        memory: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """routes, duplicates: of the intake; memory: what `drain_memory` gave before a restart, among other things."""
        self._routes, self._duplicates = routes, duplicates
        self._copies: OrderedDict[int, _Copy] = OrderedDict()
        self._live: OrderedDict[int, int] = OrderedDict()
        self._memory: dict[tuple[str, str], bytes | None] = {}
        self.forgotten_total = 0
        for name, key, value in memory:
            if name == MEMORY and len(value) == _SIZE + 1:
                self._copies[int(key, 16)] = _Copy(int.from_bytes(value[:_SIZE], "big"), own=bool(value[_SIZE]))

    def repeats(self, frame: Frame, *, own: bool) -> bool:
        """Whether a kept copy was taken before, live or as a copy; own: it carries its own time or number."""
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
        """The message as it is taken in: readings of a kept copy are a state that was kept, whatever else they are."""
        flags, _, topic, payload = frame
        if not decoded.readings:
            return decoded
        if not flags & RETAIN:
            self._hear(topic, payload, own=own)
            return decoded
        self._remember(topic, payload, own=own)
        kept = [replace(reading, quality=Quality.RETAINED) for reading in decoded.readings]
        return replace(decoded, readings=kept)

    def awaits(self, topic: bytes) -> bool:
        """Whether the next live message of a topic has to be seen here: its copy carries neither time nor number."""
        copy = self._copies.get(topic_seed(topic))
        return copy is not None and not copy.own

    def drain_memory(self) -> dict[tuple[str, str], bytes | None]:
        """What changed and has to be known after a restart; None for what may be forgotten."""
        memory, self._memory = self._memory, {}
        return memory

    def _remember(self, topic: bytes, payload: bytes, *, own: bool) -> None:
        """The copy is the last word of its topic now, and what was heard live before it is not."""
        seed = topic_seed(topic)
        copy = _Copy(own_key(payload, seed), own)
        self._live.pop(seed, None)
        if not own:
            self._routes.pop(topic, None)  # so that the next live message does not pass by unseen
        elif topic in self._routes:
            self._routes[topic].last = None
        self._copies[seed] = copy
        self._copies.move_to_end(seed)
        self._memory[MEMORY, f"{seed:016x}"] = copy.content.to_bytes(_SIZE, "big") + bytes([own])
        if len(self._copies) > TOPICS_MAX:
            self.forgotten_total += 1
            self._forget(next(iter(self._copies)))

    def _hear(self, topic: bytes, payload: bytes, *, own: bool) -> None:
        """A live message was taken: a copy without time or number of its own is then no longer the last word."""
        if own and not self._copies:
            return
        seed = topic_seed(topic)
        if not own:
            self._live[seed] = own_key(payload, seed)
            self._live.move_to_end(seed)
            if len(self._live) > TOPICS_MAX:
                self._live.popitem(last=False)
        copy = self._copies.get(seed)
        if copy is not None and not copy.own:  # the hot path sees the next one, and remembers its content alone
            self._forget(seed)

    def _forget(self, seed: int) -> None:
        del self._copies[seed]
        self._memory[MEMORY, f"{seed:016x}"] = None
