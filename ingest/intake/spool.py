"""Overload spool: comfort messages wait undecoded in the log until there is time to decode them.

Reading a message costs a small part of its decoding. When input exceeds decoding, life-safety messages are decoded
immediately. All others are stored whole, acknowledged, and decoded later in order of arrival. Nothing is lost, and a
smoke message does not wait behind the backfill of a gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import zstandard

from ingest.frame import Frame

BLOCK_BYTES = 262_144
"""Largest uncompressed size of a block: one chunk of the reader."""
BYTES_MAX = 4_000_000_000
PLAIN_BYTES_MAX = 1 << 30
_frames = msgspec.msgpack.Decoder(list[Frame])


class Spooled(NamedTuple):
    """A spooled block: its id in the log, arrival time (ns), packed messages."""

    id: int
    arrival_ns: int
    packed: bytes


@dataclass(frozen=True, slots=True)
class SpoolChanges:
    """Durable fact: blocks that enter and leave the spool.

    added: (arrival in ns, packed messages) of each new block; removed: ids of the blocks that this batch decoded.
    """

    added: Sequence[tuple[int, bytes]] = ()
    removed: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


class Spool:
    """Spooled blocks, and the changes for the next seal. One thread owns it."""

    def __init__(self, waiting: int = 0, *, bytes_max: int = BYTES_MAX) -> None:
        """waiting: blocks in the log; bytes_max: bound on the uncompressed size, beyond which reading stops."""
        self._blocks_max = max(1, bytes_max // BLOCK_BYTES)
        self.waiting = waiting
        """Blocks not yet decoded, durable or not."""
        self.oldest_ns = 0
        """Arrival of the last decoded block: all spooled blocks are newer."""
        self.taken_id = 0
        self._open: list[tuple[int, list[Frame]]] = []
        self._taken: list[int] = []

    @property
    def full(self) -> bool:
        """Whether the bound is reached; further messages must wait at the broker."""
        return self.waiting >= self._blocks_max

    def divert(self, frames: Sequence[Frame], now_ns: int, may_wait: Callable[[bytes], bool]) -> list[Frame]:
        """Spool the messages that may wait. Return the others, in order."""
        kept: list[Frame] = []
        at_once: list[Frame] = []
        for frame in frames:
            (kept if may_wait(frame[2]) else at_once).append(frame)
        if kept:
            if not self.waiting:
                self.oldest_ns = now_ns
            self._open.append((now_ns, kept))
            self.waiting += 1
        return at_once

    def unpack(self, block: Spooled) -> list[Frame]:
        """Return the messages of a durable block. The next seal removes it. Raises ValueError when damaged."""
        self.taken_id, self.oldest_ns = block.id, block.arrival_ns
        self.waiting -= 1
        self._taken.append(block.id)
        return unpack(block.packed)

    def drain(self) -> SpoolChanges:
        """Return the changes since the last call."""
        opened = [(arrival_ns, pack(frames)) for arrival_ns, frames in self._open]
        taken, self._open, self._taken = self._taken, [], []
        return SpoolChanges(opened, taken)


def pack(frames: Sequence[Frame]) -> bytes:
    """Return messages as one compressed block."""
    return zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(frames))


def unpack(packed: bytes) -> list[Frame]:
    """Return the messages of a block. Raises ValueError for other bytes."""
    try:
        size = zstandard.frame_content_size(packed)
        if not 0 <= size <= PLAIN_BYTES_MAX:
            raise ValueError(f"block of {size} bytes is out of range; 0 to {PLAIN_BYTES_MAX} are allowed")
        return _frames.decode(zstandard.ZstdDecompressor().decompress(packed))
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(f"the bytes are no block of messages: {error}") from error
