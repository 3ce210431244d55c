"""Hash-chained, append-only tables in a PostgreSQL database: the chain of `chain.Chain` on a server.

The tables of one log and partition are in a schema of their own. The table `head` has the end of the chain and the
highest position that retention was to delete; its row lock orders the writers. A transaction of the owner reads the
fencing epoch first (`owners`). A notification wakes the readers of all processes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from psycopg import sql

from twinward.errors import LogUnavailable, LogVersionError, OwnerLost

from .entries import EVERY, Block, Database, Stored, Tip
from .growth import Growth
from .head import Head, HeadFile
from .listener import Listener
from .owners import Owner
from .server import ServerLog
from .server_retention import beyond_size, old
from .session import Session, named, server_table, shown
from .verify import GENESIS, Chained, Link, Report, link, verify
from .versions import statements

VERSION = 1
"""Schema version of a log on a server."""
DELETED_AT_ONCE = 2_000
"""Entries that one transaction of retention deletes: a writer waits no longer than for these."""

_SCHEMA = """
CREATE TABLE entries (
  seq BIGINT PRIMARY KEY, written_ns BIGINT NOT NULL, source BIGINT NOT NULL, batch TEXT NOT NULL,
  digest BYTEA NOT NULL, block BYTEA NOT NULL, lane BIGINT NOT NULL DEFAULT 0, end_byte BIGINT NOT NULL);
ALTER TABLE entries ALTER COLUMN block SET STORAGE EXTERNAL;
CREATE TABLE anchor (id BIGINT PRIMARY KEY CHECK (id = 1), seq BIGINT NOT NULL, digest BYTEA NOT NULL);
CREATE TABLE head (
  id BIGINT PRIMARY KEY CHECK (id = 1), version BIGINT NOT NULL, seq BIGINT NOT NULL, digest BYTEA NOT NULL,
  anchor BIGINT NOT NULL, end_byte BIGINT NOT NULL);
"""
_SCHEMA_LOCK = 0x74776C67
_COLUMNS = "seq, written_ns, source, batch, digest, block, lane"
_NUMBER = "CASE lane WHEN 1 THEN -source ELSE source END"
_TIP = "SELECT seq, digest, source, written_ns FROM entries"


class _End(NamedTuple):
    """End of the chain as the writer reads it under the row lock."""

    seq: int
    digest: bytes
    end_byte: int


class PostgresqlChain:
    """Chain in one schema of a database. See `EntryChain`.

    A lost connection is opened again at the next call. An append whose commit was not confirmed is looked up before it
    is written again. Raises LogUnavailable for every fault of the server.
    """

    def __init__(self, place: ServerLog, *, clock: Callable[[], int], tables: str, lanes: bool = False) -> None:
        """Connect, and create the tables of a new log.

        tables: of the owner, in the notation of the file log. lanes: the owner has two (the column always exists).
        Raises LogUnavailable and LogVersionError.
        """
        self.place, self._clock, self._lanes = place, clock, lanes
        self.head_file = None if place.head is None else HeadFile(place.head)
        self._lock, self._growth = threading.Lock(), Growth()
        self._readers: queue.LifoQueue[Session] = queue.LifoQueue()
        self._writer: Session | None = None
        self._doubtful: tuple[_End, list[Block]] | None = None
        self._settled = False
        self._pulse = place.owner.pulse if isinstance(place.owner, Owner) else None
        self._listener = Listener(place.url, place.schema, self._growth.wake, pulse=self._pulse)
        try:
            with self._lock, self._using_writer() as db:
                self._create(db, tables)
        except BaseException:
            self.close()
            raise

    def append(self, blocks: Sequence[Block], *, with_entry: Callable[[Database, int], None]) -> int:
        """Append entries in one transaction, durable on return. Return the position of the last one.

        `with_entry(connection, seq)` runs inside the transaction, with that position.
        """
        blocks = list(blocks)
        with self._lock:
            with self._using_writer() as db:
                end = self._confirmed(db, blocks) or self._append(db, blocks, with_entry)
            if self.head_file is not None:
                self.head_file.advance(end.seq, end.digest)
        self._growth.wake()
        return end.seq

    def entries(self, after: int, limit: int, *, where: str = EVERY) -> list[Stored]:
        """Return at most `limit` entries behind position `after`, in order; where: a constant condition."""
        query = f"SELECT {_COLUMNS} FROM entries WHERE seq > ? AND {where} ORDER BY seq LIMIT ?"  # noqa: S608 - constants
        with self.reading() as db:
            rows = db.execute(query, (after, limit)).fetchall()
        return [Stored(*row) for row in rows]

    def last(self, *, where: str = EVERY) -> Tip:
        """Return the end of the chain, or of the entries with that condition; the start for none."""
        with self.reading() as db:
            row = db.execute(f"{_TIP} WHERE {where} ORDER BY seq DESC LIMIT 1").fetchone()
        return Tip() if row is None else Tip(*row)

    def check(self) -> None:
        """Raise OSError or sqlite3.Error unless the log can be read."""
        self.last()

    def wait(self, after: int, timeout_s: float, *, where: str = EVERY) -> bool:
        """Block until an entry behind `after` exists, of any process (True), or until the timeout (False)."""
        self._listener.start()
        return self._growth.wait(lambda: self.last(where=where).seq > after, timeout_s)

    @contextmanager
    def changing(self, *, owned: bool = False) -> Iterator[Database]:
        """Yield a connection in a write transaction, for the owner's tables."""
        with self._lock, self._using_writer() as db, db.connection.transaction():
            self._lock_head(db, owned=owned)
            yield db

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Delete entries beyond age or size, none behind `up_to` and never the last. Return their number."""
        with self.reading() as db:
            cut = max(old(db, before_ns, up_to), 0 if bytes_max is None else beyond_size(db, bytes_max, up_to))
            (first,) = db.execute("SELECT coalesce(min(seq), 0) FROM entries").fetchone()
        deleted = 0
        for seq in (*range(first + DELETED_AT_ONCE, cut, DELETED_AT_ONCE), cut) if cut else ():
            with self.changing() as db:
                (digest,) = db.execute("SELECT digest FROM entries WHERE seq = ?", (seq,)).fetchone()
                db.execute("DELETE FROM anchor")
                db.execute("INSERT INTO anchor VALUES (1, ?, ?)", (seq, digest))
                db.execute("UPDATE head SET anchor = ?", (seq,))
                deleted += db.execute("DELETE FROM entries WHERE seq <= ?", (seq,)).rowcount
        return deleted

    def verify(self, *, known: Sequence[tuple[int, str]] = ()) -> Report:
        """Verify every entry against the chain, and the end against `head` and the record of this machine."""
        kept = self.head_file.read() if self.head_file is not None else None  # before the log, which may grow
        known = [*known, *((kept.seq, kept.digest), (kept.lost_seq, kept.lost_digest))] if kept else known
        query = f"SELECT seq, written_ns, {_NUMBER}, batch, digest, block FROM entries ORDER BY seq"  # noqa: S608 - constants
        with self._session() as db, db.snapshot():

            def read() -> Chained:
                return db.execute("SELECT seq, digest FROM anchor").fetchone(), db.stream(query)

            row = db.execute("SELECT seq, digest, anchor FROM head").fetchone()
            head = None if row is None else Head(row[0], row[1].hex() if row[0] else "", row[2])
            return verify(read, head, known)

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[Database]:
        """Yield a reading connection; snapshot: all its reads see one state."""
        with self._session() as db, db.snapshot() if snapshot else nullcontext():
            yield db

    def close(self) -> None:
        """Close every connection. Calls in other threads must have returned."""
        self._listener.stop()
        self._drop_readers()
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _confirmed(self, db: Session, blocks: list[Block]) -> _End | None:
        """Return the end that the same blocks got by a commit whose answer was lost; None for other blocks."""
        if self._doubtful is None or self._doubtful != (end := self._end(db), blocks):
            return None
        self._doubtful = None
        return end

    def _append(self, db: Session, blocks: list[Block], with_entry: Callable[[Database, int], None]) -> _End:
        place = self.place
        try:
            with db.connection.pipeline(), db.connection.transaction():  # few round trips: most results are not needed
                end = self._lock_head(db, owned=True)
                self._settle(end)
                rows = []
                for block in blocks:
                    entry = Link(end.seq + 1, self._clock(), block.number, block.batch)
                    end = _End(entry.seq, link(end.digest, entry, block.data), end.end_byte + len(block.data))
                    rows.append((*_fields(entry, block), end.digest, block.data, block.lane, end.end_byte))
                db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                db.execute("UPDATE head SET seq = ?, digest = ?, end_byte = ?", end)
                with_entry(db, end.seq)
                db.execute("SELECT pg_notify(?, '')", (place.schema,))
                self._doubtful = end, blocks
        except OwnerLost:
            self._doubtful = None
            raise
        self._doubtful = None
        return end

    def _settle(self, end: _End) -> None:
        """Compare the record of this machine with the end before the first write; a missing end stays in it."""
        if not self._settled and self.head_file is not None:
            self.head_file.settle(end.seq, end.digest, anchor=0)
        self._settled = True

    def _lock_head(self, db: Session, *, owned: bool) -> _End:
        """Return the end of the chain after the check of the epoch; keeps the row until the transaction ends."""
        if owned:
            if not isinstance(self.place.owner, Owner):
                raise OwnerLost(self.place.role or self.place.name)
            self.place.owner.check(db, self.place.role)
        return self._end(db, "FOR UPDATE")

    def _end(self, db: Session, lock: str = "") -> _End:
        row = db.execute(f"SELECT seq, digest, end_byte FROM head {lock}").fetchone()  # noqa: S608 - constants
        return _End(0, GENESIS, 0) if row is None else _End(*row)

    @contextmanager
    def _using_writer(self) -> Iterator[Session]:
        """Yield the writing connection, under the lock; it is opened again after an error of the server."""
        if self._writer is None:
            self._writer = Session(self.place.url, schema=self.place.schema, durable=True, pulse=self._pulse)
        try:
            with named(self.place.url):
                yield self._writer
        except LogUnavailable:
            self._writer.close()
            self._writer = None
            raise

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            db = self._readers.get_nowait()
        except queue.Empty:
            db = Session(self.place.url, schema=self.place.schema, pulse=self._pulse)
        try:
            with named(self.place.url):
                yield db
        except LogUnavailable:
            db.close()
            self._drop_readers()  # those of a restarted server fail as well
            raise
        except BaseException:
            self._readers.put(db)
            raise
        self._readers.put(db)

    def _drop_readers(self) -> None:
        while not self._readers.empty():
            self._readers.get_nowait().close()

    def _create(self, db: Session, tables: str) -> None:
        schema = self.place.schema
        with db.connection.transaction():
            db.execute("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))
            (encoding,) = db.execute("SHOW server_encoding").fetchone() or ("",)
            if encoding != "UTF8":
                raise LogUnavailable(shown(self.place.url), f"the database has encoding {encoding}; allowed: UTF8")
            found = db.execute("SELECT to_regclass(?)", (f"{schema}.head",)).fetchone()
            if found is not None and found[0] is not None:
                (version,) = db.execute("SELECT version FROM head").fetchone() or (0,)
                if version != VERSION:
                    raise LogVersionError(f"{shown(self.place.url)}, schema {schema}", version, VERSION)
                return
            if self.place.owner is None:
                raise LogUnavailable(shown(self.place.url), f"the database has no log (schema {schema}); check log.url")
            db.connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
            for statement in (*statements(_SCHEMA), *map(server_table, statements(tables))):
                db.execute(statement)
            db.execute("INSERT INTO head VALUES (1, ?, 0, ?, 0, 0)", (VERSION, GENESIS))


def _fields(entry: Link, block: Block) -> tuple[Any, ...]:
    return entry.seq, entry.written_ns, block.source, entry.batch
