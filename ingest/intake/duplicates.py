"""Duplicate detection: 64-bit message keys in a bounded window.

The key of a message with its own time or sequence number covers topic and payload. A message with neither may
legitimately repeat its bytes. Its key also covers the packet id, and it is a duplicate only when the broker sets DUP,
within a window shorter than the cycle of packet ids.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

KEYS_MAX = 1_000_000
REPEATS_MAX = 65_536


@dataclass(frozen=True, slots=True)
class MessageKeys:
    """Durable fact: signed 64-bit keys of accepted messages, oldest first."""

    keys: Sequence[int] = ()

    def __bool__(self) -> bool:
        return len(self.keys) > 0


class Window:
    """The newest keys, at least half and at most all of `keys_max`: two generations of a set."""

    def __init__(self, keys_max: int) -> None:
        self._half = max(1, keys_max // 2)
        self.young: set[int] = set()
        self.old: set[int] = set()
        self.turned_total = 0

    def __contains__(self, key: int) -> bool:
        return key in self.young or key in self.old

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def add(self, key: int) -> None:
        """Add a key; call `turn` regularly."""
        self.young.add(key)

    def fill(self, keys: NDArray[np.uint64]) -> None:
        """Add many keys, oldest first."""
        begin = 0
        while begin < len(keys):
            room = self._half - len(self.young)
            self.young.update(keys[begin : begin + room].tolist())
            begin += room
            self.turn()

    def turn(self) -> None:
        """Drop the older generation once the younger one is full."""
        if len(self.young) >= self._half:
            self.old, self.young = self.young, set()
            self.turned_total += 1


class Duplicates:
    """Both windows, and the keys to store with the open batch."""

    def __init__(self, *, keys_max: int = KEYS_MAX, recent: Sequence[int] | NDArray[np.int64] = ()) -> None:
        """recent: signed keys of the log, oldest first."""
        self.own = Window(keys_max)
        self.repeats = Window(REPEATS_MAX)
        self.fresh = array("Q")
        known = np.asarray(recent, np.int64).view(np.uint64)
        self.own.fill(known)
        self.repeats.fill(known[-REPEATS_MAX // 2 :])

    def turn(self) -> None:
        """Keep both windows within their bounds."""
        self.own.turn()
        self.repeats.turn()

    def remember_repeat(self, payload: bytes, seed: int, packet_id: int) -> None:
        """Add a QoS 1 message without time or sequence number."""
        key = repeat_key(payload, seed, packet_id)
        self.repeats.add(key)
        self.fresh.append(key)

    def drain(self) -> MessageKeys:
        """Return the keys since the last call."""
        if not self.fresh:
            return MessageKeys()
        keys: list[int] = np.frombuffer(self.fresh, np.uint64).view(np.int64).tolist()
        self.fresh = array("Q")
        return MessageKeys(keys)


def topic_seed(topic: bytes) -> int:
    """Return the seed of a topic for its message keys."""
    return int(xxh3_64_intdigest(topic))


def own_key(payload: bytes, seed: int) -> int:
    """Return the key of a message with its own time or sequence number."""
    return int(xxh3_64_intdigest(payload, seed))


def repeat_key(payload: bytes, seed: int, packet_id: int) -> int:
    """Return the key of a QoS 1 message with neither."""
    return int(xxh3_64_intdigest(payload + packet_id.to_bytes(2, "big"), seed))
