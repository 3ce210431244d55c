"""Hash-chained, append-only table in one SQLite file, durable when `append` returns.

digest(n) = SHA-256(digest(n-1) + seq, written_ns, source, batch id + block), from a fixed start. `verify` detects every
changed, removed, inserted or exchanged entry. The head record, a small file beside the log, reveals a cut at the end.
It is written after each commit and may lag behind the log after a crash.

Not detected: an intruder who rewrites the chain from some entry on together with the head record. Keep digests of the
head elsewhere and pass them to `verify(known=...)`. Tables beside the entries are outside the chain.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from .connection import OpenFile, connect, transaction
from .head import Head, HeadFile
from .verify import GENESIS, Link, Report, link, verify
from .versions import Migration, script

EntryT = TypeVar("EntryT")

WRITE_BUSY_S = 0.5
"""Longest wait of the writer for another process: its caller must soon learn that the log rejects writes."""
POLL_S = 0.05  # delay until an entry of another process is visible
EVERY = "true"
"""Condition of all entries. A condition over `source` needs a partial index with the same text."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY, written_ns INTEGER NOT NULL, source INTEGER NOT NULL,
  batch TEXT NOT NULL, digest BLOB NOT NULL, block BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS anchor (
  id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
"""
_COLUMNS = "seq, written_ns, source, batch, digest, block"
_LANE_NUMBER = "CASE lane WHEN 0 THEN source WHEN 1 THEN -source END"
"""The number in the digest of a log with lanes: the sign stands for the lane, as release 0.1.0 wrote it."""


class Block(NamedTuple):
    """Content of a new entry; source: a number of the owner; lane: 0 or 1, in a log with lanes.

    The digest covers `source`, with a negative sign in lane 1.
    """

    data: bytes
    batch: str
    source: int
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry of the table."""

    seq: int
    written_ns: int
    source: int
    batch: str
    digest: bytes
    block: bytes
    lane: int = 0


class Chain:
    """One log file: one writing connection under a lock, and a pool of reading connections.

    Safe for several threads, and for several processes on one file. Raises sqlite3.OperationalError when the disk is
    full or the file busy for half a second; the entry is then not stored, and a retry is safe.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        schema: str = "",
        migrations: Sequence[Migration] = (),
        lanes: bool = False,
    ) -> None:
        """Open the file, and create or upgrade its tables.

        schema: tables of the owner in schema version 1, each with IF NOT EXISTS: a file without a version may have
        them. migrations: steps to versions 2, 3, ... lanes: whether they add a column `lane` to the entries. Raises
        LogVersionError when the file has a later version.
        """
        self.path = path
        self._columns = f"{_COLUMNS}, lane" if lanes else _COLUMNS
        self._number = _LANE_NUMBER if lanes else "source"
        self.head_file = HeadFile(path)
        self._clock = clock
        self._lock = threading.Lock()
        self._grown = threading.Condition()
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._head_checked = False
        self._writer = connect(path, (script(_SCHEMA + schema), *migrations))
        self._file = OpenFile(path)
        self._writer.execute(f"PRAGMA busy_timeout = {int(WRITE_BUSY_S * 1_000)}")

    def append(self, blocks: Sequence[Block], *, with_entry: Callable[[sqlite3.Connection, int], None]) -> int:
        """Append entries in one transaction, durable on return. Return the position of the last one.

        `with_entry(connection, seq)` runs inside the transaction, with that position.
        """
        with self._lock:
            self._file.check()
            self._check_head()
            with transaction(self._writer) as db:
                before = _last(db)
                seq, digest = before.seq, before.digest
                for block in blocks:
                    seq += 1
                    entry = Link(seq, self._clock(), -block.source if block.lane else block.source, block.batch)
                    digest = link(digest, entry, block.data)
                    self._insert(db, (seq, entry.written_ns, block.source, entry.batch, digest, block.data, block.lane))
                with_entry(db, seq)
            self.head_file.advance(seq, digest)
        with self._grown:
            self._grown.notify_all()
        return seq

    def entries(self, after: int, limit: int, *, where: str = EVERY) -> list[Stored]:
        """Return at most `limit` entries behind position `after`, in order; where: a constant condition."""
        query = f"SELECT {self._columns} FROM entries WHERE seq > ? AND {where} ORDER BY seq LIMIT ?"  # noqa: S608 - constants
        with self.reading() as db:
            rows = db.execute(query, (after, limit)).fetchall()
        return [Stored(*row) for row in rows]

    def last(self, *, where: str = EVERY) -> Tip:
        """Return the end of the chain, or of the entries with that condition; the start for none."""
        with self.reading() as db:
            return _last(db, where)

    def wait(self, after: int, timeout_s: float, *, where: str = EVERY) -> bool:
        """Block until an entry behind `after` exists, of any process (True), or until the timeout (False)."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            with self._grown:
                if self.last(where=where).seq > after:
                    return True
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._grown.wait(min(left_s, POLL_S))

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a write transaction, for the owner's tables."""
        with self._lock:
            self._file.check()
            with transaction(self._writer) as db:
                yield db

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Delete entries beyond age or size, none behind `up_to` and never the last. Return their number.

        before_ns: delete entries written earlier; bytes_max: delete the oldest until the file uses about so much.
        Their space is reused.
        """
        with self._lock:
            self._check_head()
            old = _cut(self._writer, before_ns, up_to)
            large = None if bytes_max is None else _cut_to_size(self._writer, bytes_max, up_to)
            cut = max((found for found in (old, large) if found is not None), key=lambda tip: tip.seq, default=None)
            if cut is None:
                return 0
            head = self.head_file.read() or Head()
            # recorded first: a crash in between leaves more entries than recorded, which is no error
            self.head_file.write(replace(head, anchor=max(head.anchor, cut.seq)))
            with transaction(self._writer) as db:
                db.execute("INSERT OR REPLACE INTO anchor VALUES (1, ?, ?)", (cut.seq, cut.digest))
                return db.execute("DELETE FROM entries WHERE seq <= ?", (cut.seq,)).rowcount

    def verify(self, *, known: Sequence[tuple[int, str]] = ()) -> Report:
        """Verify every entry against the chain and the end against the head record. Reads the whole log."""
        head = self.head_file.read()  # before the log, which may grow meanwhile: the record must not be ahead
        with self.reading() as db:
            try:
                return verify(db, head, known, number=self._number)
            finally:
                if db.in_transaction:
                    db.rollback()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a reading connection."""
        try:
            db = self._readers.get_nowait()
        except queue.Empty:
            db = connect(self.path, create=False)  # an empty file in place of a removed one would hide the loss
        try:
            yield db
        finally:
            self._readers.put(db)

    def close(self) -> None:
        """Close the file. Calls in other threads must have returned."""
        while not self._readers.empty():
            self._readers.get_nowait().close()
        with self._lock:
            self._writer.close()

    def _insert(self, db: sqlite3.Connection, row: tuple[Any, ...]) -> None:
        columns = self._columns
        marks = ", ".join("?" * (columns.count(",") + 1))
        query = f"INSERT INTO entries ({columns}) VALUES ({marks})"  # noqa: S608 - constants
        db.execute(query, row[: columns.count(",") + 1])

    def _check_head(self) -> None:
        """Check the end before the first write. A missing end is kept in the head record for `verify`."""
        if self._head_checked:
            return
        head, tip = self.head_file.read(), _last(self._writer)
        if head is None:
            anchor = self._writer.execute("SELECT seq FROM anchor").fetchone()
            self.head_file.write(Head(tip.seq, tip.digest.hex(), anchor[0] if anchor else 0))
        elif head.seq > tip.seq:
            lost = head if head.lost_seq else replace(head, lost_seq=head.seq, lost_digest=head.digest)
            self.head_file.write(replace(lost, seq=tip.seq, digest=tip.digest.hex()))
        self._head_checked = True


class Lane(Generic[EntryT]):
    """View of a chain: the entries with one condition, under their positions."""

    def __init__(self, chain: Chain, where: str, read: Callable[[Stored], EntryT]) -> None:
        """where: their condition; read: decodes an entry."""
        self._chain, self._where, self._read = chain, where, read

    def read(self, after: int, *, limit: int = 64) -> list[EntryT]:
        """Return the entries behind position `after`, in order, at most `limit`."""
        return [self._read(stored) for stored in self._chain.entries(after, limit, where=self._where)]

    def head(self) -> int:
        """Return the position of the last one; 0 for none."""
        return self._chain.last(where=self._where).seq

    def end(self) -> int:
        """Return the last position of the whole chain."""
        return self._chain.last().seq

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until one behind `after` exists (True), or until the timeout (False)."""
        return self._chain.wait(after, timeout_s, where=self._where)


@dataclass(frozen=True, slots=True)
class Tip:
    """End of a chain."""

    seq: int = 0
    digest: bytes = GENESIS
    source: int = 0
    written_ns: int = 0


def _last(db: sqlite3.Connection, where: str = EVERY) -> Tip:
    query = f"SELECT seq, digest, source, written_ns FROM entries WHERE {where} ORDER BY seq DESC LIMIT 1"  # noqa: S608 - constants
    row: Any = db.execute(query).fetchone()
    if row is None and where == EVERY:
        row = db.execute("SELECT seq, digest FROM anchor").fetchone()
    return Tip() if row is None else Tip(*row)


def _cut(db: sqlite3.Connection, before_ns: int, up_to: int) -> Tip | None:
    """Return the newest entry to delete.

    The clock may step back between entries: the first entry that is recent enough protects all later ones.
    """
    row = db.execute(
        "SELECT seq, digest, source, written_ns FROM entries WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM entries)"
        " AND seq < coalesce((SELECT min(seq) FROM entries WHERE written_ns >= ?2), 1 << 62)"
        " ORDER BY seq DESC LIMIT 1",
        (up_to, before_ns),
    ).fetchone()
    return None if row is None else Tip(*row)


def _cut_to_size(db: sqlite3.Connection, bytes_max: int, up_to: int) -> Tip | None:
    """Return the newest entry to delete for a file of about that size, assuming entries of equal size."""
    pages, free, page = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    used = (pages - free) * page
    first, last = db.execute("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM entries").fetchone()
    if used <= bytes_max or last <= first:
        return None
    seq = min(first + int((last - first) * (1 - bytes_max / used)), up_to, last - 1)
    query = "SELECT seq, digest, source, written_ns FROM entries WHERE seq = ?"
    row = db.execute(query, (seq,)).fetchone()
    return None if row is None else Tip(*row)
