"""Copy of a log on this node: one SQLite file, changed in the order of the stream.

The file is a cache: a lost or damaged one is built again from the stream. A power cut may lose its newest
transactions, which the stream then repeats.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinward.log.connection import Readers, connect, transaction
from twinward.log.entries import EVERY, Database, Rows, Stored, Tip
from twinward.log.verify import GENESIS, link
from twinward.log.versions import script

from .commit import Base, Chained, Commit, Write

_SCHEMA = """
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY, written_ns INTEGER NOT NULL, source INTEGER NOT NULL, batch TEXT NOT NULL,
  digest BLOB NOT NULL, block BLOB NOT NULL, lane INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE anchor (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE stream (
  id INTEGER PRIMARY KEY CHECK (id = 1), identity TEXT NOT NULL, applied INTEGER NOT NULL, loaded INTEGER NOT NULL,
  owner_from INTEGER NOT NULL, owner_at INTEGER NOT NULL, owner_id TEXT NOT NULL, epoch INTEGER NOT NULL,
  node TEXT NOT NULL) STRICT;
INSERT INTO stream VALUES (1, '', 0, 0, 0, 0, '', 0, '');
"""
_OWN = {"entries", "anchor", "stream"}
_COLUMNS = "seq, written_ns, source, batch, digest, block, lane"
_TIP = "SELECT seq, digest, source, written_ns FROM entries"
_STATE = "SELECT identity, applied, loaded, owner_from, owner_at, owner_id, epoch, node FROM stream"
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
"""Actions that statements of the stream may perform: they reach no other file and change no schema."""


@dataclass(frozen=True, slots=True)
class State:
    """Position of the copy in the stream.

    applied: last message; loaded: tables contain all changes up to this message; owner_from, owner_at, owner_id, epoch,
    node: begin and end of the last body of an owner, its id and its owner.
    """

    identity: str
    applied: int
    loaded: int
    owner_from: int
    owner_at: int
    owner_id: str
    epoch: int
    node: str


class BrokenChain(Exception):  # noqa: N818 - names the state
    """A message does not continue the entries of the copy."""


class Gap(Exception):  # noqa: N818 - names the state
    """Messages between the copy and the next one of the stream are missing."""


class Recorder:
    """Connection that notes the statements that change tables."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.writes: list[Write] = []

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run one statement."""
        if not statement.lstrip().upper().startswith("SELECT"):
            self.writes.append((statement, [list(parameters)]))
        return self._db.execute(statement, parameters)

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]], /) -> None:
        """Run one statement for each set of parameters."""
        rows: list[Sequence[Any]] = [list(row) for row in parameters]
        if rows:
            self.writes.append((statement, rows))
            self._db.executemany(statement, rows)


class Replica:
    """File of the copy: one writing connection, and a pool of reading ones. Safe for several processes."""

    def __init__(self, path: Path, tables: str) -> None:
        """Open the file, and create it with the tables of the log's owner."""
        self._readers = Readers(path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._writer = connect(path, (script(_SCHEMA + tables),))
        self._writer.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def writing(self) -> Iterator[tuple[sqlite3.Connection, State]]:
        """Yield the writing connection in a transaction, and the state in it; the caller holds its lock."""
        with transaction(self._writer) as db:
            yield db, _state(db)

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield a reading connection; snapshot: in one read transaction."""
        with self._readers.reading(snapshot=snapshot) as db:
            yield db

    def state(self) -> State:
        """Return the position in the stream."""
        with self.reading() as db:
            return _state(db)

    def entries(self, after: int, limit: int, where: str) -> list[Stored]:
        """Return at most `limit` entries behind position `after`, in order."""
        query = f"SELECT {_COLUMNS} FROM entries WHERE seq > ? AND {where} ORDER BY seq LIMIT ?"  # noqa: S608 - constants
        with self.reading() as db:
            rows = db.execute(query, (after, limit)).fetchall()
        return [Stored(*row) for row in rows]

    def last(self, where: str = EVERY) -> Tip:
        """Return the last entry with a condition; the start for none."""
        with self.reading() as db:
            row = db.execute(f"{_TIP} WHERE {where} ORDER BY seq DESC LIMIT 1").fetchone()
        return Tip() if row is None else Tip(*row)

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        self._writer.close()


def end(db: Database) -> tuple[int, bytes]:
    """Return position and digest of the last entry, or of the anchor, or of the start."""
    row = db.execute(f"{_TIP} ORDER BY seq DESC LIMIT 1").fetchone()
    row = row or db.execute("SELECT seq, digest FROM anchor").fetchone() or (0, GENESIS)
    return row[0], row[1]


def insert(db: Database, entries: Sequence[Chained], at: int) -> None:
    """Insert entries that the stream has from message `at` on. Raises BrokenChain for one that does not continue."""
    seq, digest = end(db)
    rows = list[tuple[Any, ...]]()
    for one in entries:
        if one.seq <= seq and not rows and _deleted(db, one.seq):
            continue
        if one.seq != seq + 1 or link(digest, one.link, one.block.data) != one.digest:
            raise BrokenChain(f"entry {one.seq} does not continue entry {seq}")
        seq, digest = one.seq, one.digest
        block = one.block
        rows.append((seq, one.written_ns, block.source, block.batch, digest, block.data, block.lane, at))
    db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def apply(db: sqlite3.Connection, state: State, commit: Commit, at: tuple[int, int], *, owned: bool) -> None:
    """Apply a commit that the stream has from message `at[0]` to `at[1]`.

    Raises BrokenChain, and sqlite3.Error for a statement that is not allowed.
    """
    insert(db, commit.entries, at[0])
    if at[1] > state.loaded:
        with _restricted(db):
            for statement, rows in commit.writes:
                for row in rows:
                    db.execute(statement, row).fetchall()
    advance(db, at, commit, owned=owned)


def advance(db: Database, at: tuple[int, int], commit: Commit | None = None, *, owned: bool = False) -> None:
    """Note that the copy contains the body from message `at[0]` to `at[1]`, and all before it."""
    db.execute("UPDATE stream SET applied = ?", (at[1],))
    if owned and commit is not None:
        values = (*at, commit.id, commit.epoch, commit.node)
        db.execute("UPDATE stream SET owner_from = ?, owner_at = ?, owner_id = ?, epoch = ?, node = ?", values)


def cut(db: Database, seq: int, digest: bytes) -> int:
    """Delete the entries up to `seq`, whose digest the next one continues. Return their number."""
    if not seq or _deleted(db, seq):
        return 0
    db.execute("INSERT OR REPLACE INTO anchor VALUES (1, ?, ?)", (seq, digest))
    return db.execute("DELETE FROM entries WHERE seq <= ?", (seq,)).rowcount


def size(db: Database) -> int:
    """Return the bytes that the file uses."""
    pages, free, page = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page


def base_of(db: sqlite3.Connection, state: State) -> Base:
    """Return the tables of the log's owner as a base."""
    anchor, digest = db.execute("SELECT seq, digest FROM anchor").fetchone() or (0, GENESIS)
    tables: dict[str, list[Sequence[Any]]] = {}
    for name in _tables(db):
        tables[name] = [list(row) for row in db.execute(f"SELECT * FROM {name}")]  # noqa: S608 - a table of this file
    return Base(state.applied, anchor, digest, tables)


def load(db: sqlite3.Connection, base: Base, *, applied: int) -> None:
    """Replace the content by a base, before the first kept message of the stream. Raises BrokenChain."""
    present = _tables(db)
    if set(base.tables) != set(present):
        raise BrokenChain("the base has other tables than this release")
    db.execute("DELETE FROM entries")
    db.execute("DELETE FROM anchor")
    if base.anchor:
        db.execute("INSERT INTO anchor VALUES (1, ?, ?)", (base.anchor, base.digest))
    for name in present:
        db.execute(f"DELETE FROM {name}")  # noqa: S608 - a table of this file
        for row in base.tables[name]:
            db.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - as above
    db.execute("UPDATE stream SET applied = ?, loaded = ?", (applied, base.at))


@contextmanager
def _restricted(db: sqlite3.Connection) -> Iterator[None]:
    db.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)
    try:
        yield
    finally:
        db.set_authorizer(None)


def _deleted(db: Database, seq: int) -> bool:
    anchor = db.execute("SELECT seq FROM anchor").fetchone()
    return anchor is not None and seq <= anchor[0]


def _state(db: Database) -> State:
    return State(*db.execute(_STATE).fetchone())


def _tables(db: Database) -> list[str]:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND (name NOT LIKE 'sqlite_%' OR name = 'sqlite_sequence')"
    )
    return sorted(name for (name,) in db.execute(query).fetchall() if name not in _OWN)
