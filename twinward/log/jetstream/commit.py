"""Messages of a log on NATS: entries with digests, writes of tables, claims, bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import zstandard

from twinward.log.entries import Block
from twinward.log.verify import Link

ID, EPOCH, NODE, PART = "Twinward-Id", "Twinward-Epoch", "Twinward-Node", "Twinward-Part"
POSITION, DIGEST = "Twinward-Position", "Twinward-Digest"
PARTS_MAX = 1_000
"""Messages of an atomic batch that the server accepts."""
HEADER_BYTES = 8_192
"""Part of the largest message that is left for headers."""

Write = tuple[str, list[Sequence[Any]]]
"""SQL statement and its sets of parameters."""


@dataclass(frozen=True, slots=True)
class Chained:
    """An entry with its position and digest."""

    seq: int
    written_ns: int
    block: Block
    digest: bytes

    @property
    def link(self) -> Link:
        """Fields that the digest covers."""
        return Link(self.seq, self.written_ns, self.block.number, self.block.batch)


@dataclass(frozen=True, slots=True)
class Commit:
    """All changes of one transaction. id: unique; epoch and node: owner at that time, 0 and "" in other changes."""

    id: str
    epoch: int = 0
    node: str = ""
    entries: Sequence[Chained] = ()
    writes: Sequence[Write] = ()

    def pack(self) -> tuple[bytes, dict[str, str]]:
        """Return body and headers; positions and digests are in the headers."""
        rows = [(e.written_ns, e.block.source, e.block.batch, e.block.lane, e.block.data) for e in self.entries]
        writes = msgspec.msgpack.encode(list(self.writes))
        body = msgspec.msgpack.encode((rows, zstandard.ZstdCompressor(level=3).compress(writes)))
        headers = {ID: self.id, EPOCH: str(self.epoch), NODE: self.node}
        if self.entries:
            headers[POSITION] = ",".join(str(entry.seq) for entry in self.entries)
            headers[DIGEST] = ",".join(entry.digest.hex() for entry in self.entries)
        return body, headers


@dataclass(frozen=True, slots=True)
class Base:
    """Tables of a log at message `at`, and its entries up to `anchor` deleted; tables: rows by name, none in a cut."""

    at: int
    anchor: int
    digest: bytes
    tables: Mapping[str, list[Sequence[Any]]] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the body."""
        body = msgspec.msgpack.encode((self.at, self.anchor, self.digest, self.tables))
        return zstandard.ZstdCompressor(level=3).compress(body)


def read_commit(body: bytes, headers: Mapping[str, str]) -> Commit:
    """Return the commit of a message. Raises ValueError, msgspec.MsgspecError and KeyError for a damaged one."""
    rows, writes = msgspec.msgpack.decode(body)
    positions = [int(text) for text in headers.get(POSITION, "").split(",") if text]
    digests = [bytes.fromhex(text) for text in headers.get(DIGEST, "").split(",") if text]
    entries = [
        Chained(seq, written_ns, Block(data, batch, source, lane), digest)
        for seq, digest, (written_ns, source, batch, lane, data) in zip(positions, digests, rows, strict=True)
    ]
    unpacked = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(writes), type=list[Write])
    return Commit(headers[ID], int(headers[EPOCH]), headers.get(NODE, ""), entries, unpacked)


def read_base(body: bytes) -> Base:
    """Return the base of a message. Raises ValueError and msgspec.MsgspecError for a damaged one."""
    try:
        return Base(*msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(body)))
    except (TypeError, zstandard.ZstdError) as error:
        raise ValueError(f"base: {error}") from error


def parts(body: bytes, headers: Mapping[str, str], *, size: int) -> list[tuple[bytes, dict[str, str]]]:
    """Return the messages of a body, each with at most `size` bytes of it; the first one has the headers.

    >>> parts(b"abc", {ID: "x"}, size=2)
    [(b'ab', {'Twinward-Part': '1/2', 'Twinward-Id': 'x'}), (b'c', {'Twinward-Part': '2/2'})]
    """
    cuts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    marks = [{PART: f"{number}/{len(cuts)}"} for number in range(1, len(cuts) + 1)]
    marks[0] |= headers
    return list(zip(cuts, marks, strict=True))
