"""Verifies a hash-chained log and reports the first changed, missing or misplaced entry."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .head import Head

GENESIS = hashlib.sha256(b"twinward log, version 1").digest()
_HEADER = struct.Struct("<qqqH")


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a verification.

    entries: number of valid entries; first_bad_seq: first changed, missing or misplaced one, 0 when ok; reason: the
    defect, "" when ok; head_seq, head_digest: last valid entry, to be kept elsewhere; end_checked: False without a head
    record, when a cut at the end cannot be detected.
    """

    ok: bool
    entries: int
    first_bad_seq: int = 0
    reason: str = ""
    head_seq: int = 0
    head_digest: str = ""
    end_checked: bool = True


class _Bad(Exception):  # noqa: N818 - ends the walk; never leaves this module
    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.seq = seq
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Link:
    """Fields of an entry that the digest covers, besides its block; number: the source, negative in lane 1."""

    seq: int
    written_ns: int
    number: int
    batch: str


def link(before: bytes, entry: Link, block: bytes) -> bytes:
    """Return the digest of an entry behind the one with digest `before`."""
    name = entry.batch.encode()
    header = _HEADER.pack(entry.seq, entry.written_ns, entry.number, len(name)) + name
    return hashlib.sha256(b"".join((before, header, block))).digest()


Chained = tuple[tuple[int, bytes] | None, Iterable[tuple[int, int, int, str, bytes, bytes]]]
"""Anchor, and the entries in order: position, time, number in the digest, batch id, digest, block."""


def verify(read: Callable[[], Chained], head: Head | None, known: Sequence[tuple[int, str]]) -> Report:
    """Check the entries that `read` returns, from one state of the log.

    known: positions and digests stored elsewhere.
    """
    walk = _Walk(head, known)
    try:
        walk.check(*read())
        walk.check_end()
    except _Bad as bad:
        return walk.report(bad.seq, bad.reason)
    except (sqlite3.DatabaseError, TypeError, ValueError, struct.error, AttributeError) as error:
        return walk.report(walk.seq + 1, f"the file is damaged: {error}")
    return walk.report(0, "")


class _Walk:
    """One pass over the entries: position and digest so far, and expected digests."""

    def __init__(self, head: Head | None, known: Sequence[tuple[int, str]]) -> None:
        self.seq, self.digest, self.entries, self.start = 0, GENESIS, 0, 0
        self._head = head
        self._expected: dict[int, str] = {}
        if head is not None and head.lost_seq:
            self._expected[head.lost_seq] = head.lost_digest
        if head is not None and head.seq:
            self._expected.setdefault(head.seq, head.digest)
        self._known = [one for one in known if one[0]]

    def check(self, anchor: tuple[int, bytes] | None, rows: Iterable[tuple[int, int, int, str, bytes, bytes]]) -> None:
        """Check the anchor, then every entry in order."""
        if anchor is not None:
            self._check_anchor(*anchor)
        for seq, written_ns, number, batch, digest, block in rows:
            self._step(Link(seq, written_ns, number, batch), digest, block)

    def _check_anchor(self, seq: int, digest: bytes) -> None:
        if self._head is not None and seq > self._head.anchor:
            raise _Bad(self._head.anchor + 1, f"entries up to {seq} are missing, and retention did not delete them")
        self.seq = self.start = seq
        self.digest = digest

    def _step(self, entry: Link, digest: bytes, block: bytes) -> None:
        if entry.seq != self.seq + 1:
            raise _Bad(self.seq + 1, f"entry {self.seq + 1} is missing; the next one is {entry.seq}")
        if link(self.digest, entry, block) != digest:
            raise _Bad(entry.seq, f"entry {entry.seq} was changed, or its predecessor was")
        self._check_expected(entry.seq, digest)
        self.seq, self.digest, self.entries = entry.seq, digest, self.entries + 1

    def _check_expected(self, seq: int, digest: bytes) -> None:
        if self._expected.get(seq, digest.hex()) != digest.hex():
            raise _Bad(seq, f"the log was cut before entry {seq} and continued")
        if self._known and any(one[0] == seq and one[1] != digest.hex() for one in self._known):
            raise _Bad(seq, f"entry {seq} has another digest than the copy kept elsewhere")

    def check_end(self) -> None:
        """Raise when an entry that must exist is missing."""
        must = max([*self._expected, *(one[0] for one in self._known)], default=0)
        if must > self.seq:
            raise _Bad(self.seq + 1, f"the end is cut: entry {must} existed, the last one is {self.seq}")

    def report(self, bad_seq: int, reason: str) -> Report:
        return Report(
            ok=not reason,
            entries=self.entries,
            first_bad_seq=bad_seq,
            reason=reason,
            head_seq=self.seq,
            head_digest=self.digest.hex(),
            end_checked=self._head is not None,
        )
