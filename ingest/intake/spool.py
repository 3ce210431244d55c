"""Under overload, messages that may wait go into the log as they came, and are taken in when there is time.

Reading a message costs a small part of what decoding it costs. So when more comes than can be decoded, life safety is
decoded at once and the rest is kept whole: made durable, acknowledged, and taken in later in the order in which it
came. Nothing is lost, and a smoke detector does not wait behind a gateway that sends its night.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import zstandard

from ingest.frame import Frame

BLOCK_BYTES = 262_144
"""What a block holds at most, plain: one chunk of the reader."""
BYTES_MAX = 4_000_000_000
PLAIN_BYTES_MAX = 1 << 30
_frames = msgspec.msgpack.Decoder(list[Frame])


class Spooled(NamedTuple):
    """A block of messages that wait in the log: its number there, when they arrived (ns), the messages packed."""

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
    """What waits, and the blocks that the next seal makes durable. One thread owns it."""

    def __init__(self, waiting: int = 0, *, bytes_max: int = BYTES_MAX) -> None:
        """waiting: blocks that the log already holds; bytes_max: plain, beyond it nothing more should be read."""
        self._blocks_max = max(1, bytes_max // BLOCK_BYTES)
        self.waiting = waiting
        """Blocks that are not yet taken in, whether or not they are durable."""
        self.oldest_ns = 0
        """Arrival of the block that was taken in last: all that waits came later."""
        self.taken_id = 0
        self._open: list[tuple[int, list[Frame]]] = []
        self._taken: list[int] = []

    @property
    def full(self) -> bool:
        """Whether the bound is reached: what comes must wait at the broker."""
        return self.waiting >= self._blocks_max

    def divert(self, frames: Sequence[Frame], now_ns: int, may_wait: Callable[[bytes], bool]) -> list[Frame]:
        """Keep the messages that may wait; gives those that may not, in order."""
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
        """The messages of a durable block, which is forgotten with the next seal. Raises ValueError when damaged."""
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
    """Messages as one compressed block."""
    return zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(frames))


def unpack(packed: bytes) -> list[Frame]:
    """The messages of a block. Raises ValueError for anything that is none."""
    try:
        size = zstandard.frame_content_size(packed)
        if not 0 <= size <= PLAIN_BYTES_MAX:
            raise ValueError(f"a block of {size} bytes is not taken")
        return _frames.decode(zstandard.ZstdDecompressor().decompress(packed))
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(f"this is no block of messages: {error}") from error
