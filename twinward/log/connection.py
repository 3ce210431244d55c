"""SQLite connections and transactions of the log files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .versions import Migration, upgrade

BUSY_S = 10.0


def connect(path: Path, migrations: Sequence[Migration] = ()) -> sqlite3.Connection:
    """Return a connection in WAL mode that waits up to BUSY_S for a lock and syncs every commit to disk.

    migrations: of the writing connection (see `upgrade`). Raises sqlite3.DatabaseError when the file is damaged or no
    database.
    """
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
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
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Run several reads in one read transaction."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.rollback()
