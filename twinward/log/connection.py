"""SQLite connections and transactions of the log files."""

from __future__ import annotations

import os
import queue
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from .versions import Migration, upgrade

BUSY_S = 10.0


def connect(path: Path, migrations: Sequence[Migration] = (), *, create: bool = True) -> sqlite3.Connection:
    """Return a connection in WAL mode that waits up to BUSY_S for a lock and syncs every commit to disk.

    migrations: of the writing connection (see `upgrade`). create: create a missing file. Raises sqlite3.DatabaseError
    when the file is damaged or no database.
    """
    where = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    db = sqlite3.connect(where, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA page_size = 8192")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if migrations:
            upgrade(db, path, migrations)
    except UnicodeDecodeError as error:  # SQLite's own message quotes the damaged bytes
        db.close()
        raise sqlite3.DatabaseError(f"{path} is damaged") from error
    except BaseException:
        db.close()
        raise
    return db


class Readers:
    """Reading connections to a file, opened by need and kept. Methods may be called from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield a connection; snapshot: in one read transaction."""
        try:
            db = self._free.get_nowait()
        except queue.Empty:
            db = connect(self._path, create=False)  # an empty file in place of a removed one would hide the loss
        try:
            with one_state(db) if snapshot else nullcontext():
                yield db
        finally:
            self._free.put(db)

    def close(self) -> None:
        """Close the connections; none is in use."""
        while not self._free.empty():
            self._free.get_nowait().close()


class OpenFile:
    """Identity of a file and its journal while a connection has them open."""

    def __init__(self, path: Path) -> None:
        self._paths = str(path), f"{path}-wal"
        self._size = 0
        self._found = self._identities()

    def check(self) -> None:
        """Raise sqlite3.OperationalError if the file or its journal was removed or replaced, or the file was cut.

        A commit would be durable in a file that no later start finds or reads.
        """
        size = self._size
        if self._identities() != self._found or self._size < size:
            self._size = size
            raise sqlite3.OperationalError(f"{self._paths[0]} was removed, replaced or cut while it is open")

    def _identities(self) -> list[tuple[int, int] | None]:
        found: list[tuple[int, int] | None] = []
        for path in self._paths:
            try:
                facts = os.stat(path)  # noqa: PTH116 - once per append
                found.append((facts.st_dev, facts.st_ino))
                self._size = facts.st_size if path == self._paths[0] else self._size
            except OSError:
                found.append(None)
        return found


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run a write transaction: commit at the end, roll back on any exception."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.rollback()
        raise


@contextmanager
def one_state(db: sqlite3.Connection) -> Iterator[None]:
    """Run several reads in one read transaction."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.rollback()
