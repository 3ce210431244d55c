"""Hash-chained, append-only table in one SQLite file, durable when `append` returns.

digest(n) = SHA-256(digest(n-1) + seq, written_ns, source, batch id + block), from a fixed start. `verify` detects every
changed, removed, inserted or exchanged entry. The head record, a small file beside the log, reveals a cut at the end.
It is written after each commit and may lag behind the log after a crash.

Not detected: an intruder who rewrites the chain from some entry on together with the head record. Keep digests of the
head elsewhere and pass them to `verify(known=...)`. Tables beside the entries are outside the chain.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from .connection import OpenFile, Readers, connect, transaction
from .entries import EVERY, Block, Database, Stored, Tip
from .growth import Growth
from .head import Head, HeadFile
from .verify import Chained, Link, Report, link, verify
from .versions import Migration, script

WRITE_BUSY_S = 0.5
"""Longest wait of the writer for another process: its caller must soon learn that the log rejects writes."""
POLL_S = 0.05  # delay until an entry of another process is visible

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
        self._growth = Growth(POLL_S)
        self._readers = Readers(path)
        self._head_checked = False
        self._writer = connect(path, (script(_SCHEMA + schema), *migrations))
        self._file = OpenFile(path)
        self._writer.execute(f"PRAGMA busy_timeout = {int(WRITE_BUSY_S * 1_000)}")

    def append(self, blocks: Sequence[Block], *, with_entry: Callable[[Database, int], None]) -> int:
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
                    entry = Link(seq, self._clock(), block.number, block.batch)
                    digest = link(digest, entry, block.data)
                    self._insert(db, (seq, entry.written_ns, block.source, entry.batch, digest, block.data, block.lane))
                with_entry(db, seq)
            self.head_file.advance(seq, digest)
        self._growth.wake()
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

    def check(self) -> None:
        """Raise OSError or sqlite3.Error unless the log can be read."""
        self.last()

    def wait(self, after: int, timeout_s: float, *, where: str = EVERY) -> bool:
        """Block until an entry behind `after` exists, of any process (True), or until the timeout (False)."""
        return self._growth.wait(lambda: self.last(where=where).seq > after, timeout_s)

    @contextmanager
    def changing(self, *, owned: bool = False) -> Iterator[Database]:  # noqa: ARG002 - role locks exclude other owners
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
        query = f"SELECT seq, written_ns, {self._number}, batch, digest, block FROM entries ORDER BY seq"  # noqa: S608 - a constant

        def read() -> Chained:
            return db.execute("SELECT seq, digest FROM anchor").fetchone(), db.execute(query)

        with self.reading(snapshot=True) as db:
            return verify(read, head, known)

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[Database]:
        """Yield a reading connection; snapshot: in one read transaction."""
        with self._readers.reading(snapshot=snapshot) as db:
            yield db

    def close(self) -> None:
        """Close the file. Calls in other threads must have returned."""
        self._readers.close()
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
        anchor = self._writer.execute("SELECT seq FROM anchor").fetchone()
        tip = _last(self._writer)
        self.head_file.settle(tip.seq, tip.digest, anchor=anchor[0] if anchor else 0)
        self._head_checked = True


def _last(db: Database, where: str = EVERY) -> Tip:
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
