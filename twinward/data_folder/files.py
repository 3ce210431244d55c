"""Files of a data folder: names, access, SQLite reads, and the sentences about damage."""

from __future__ import annotations

import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twinward.errors import FolderMismatch

TELEMETRY, DETECTIONS, DATABASE = "telemetry.sqlite", "detections.sqlite", "alerts.sqlite"
WAITING_ORDERS = "orders-waiting.json"
"""Emergency orders that the database does not have yet; see `alerts.emergency_orders.waiting`."""
STORE, DATABASE_HEAD, IDENTITY = "readings.duckdb", "alerts.head", "installation.json"
TELEMETRY_HEAD = f"{TELEMETRY}.head"
STAMPED = (TELEMETRY, DETECTIONS, DATABASE)
"""Files that carry the number of their installation as SQLite's `application_id`."""
WRITTEN = (*(f"{name}{suffix}" for name in STAMPED for suffix in ("", "-wal", "-shm")), STORE, f"{STORE}.wal", IDENTITY)
"""Files that the service reads and writes."""
BUSY_S = 2.0


def check_access(folder: Path) -> None:
    """Raise FolderMismatch if this account cannot read and write the folder or a file of the service in it."""
    for path in (folder, *(folder / name for name in WRITTEN)):
        wanted = os.R_OK | os.W_OK | (os.X_OK if path == folder else 0)
        if path.exists() and not os.access(path, wanted):
            found = path.stat()
            raise FolderMismatch(
                f"cannot read and write {path}: mode {found.st_mode & 0o7777:04o}, owner {_account(found.st_uid)}; "
                f"{_account(os.geteuid())} needs mode {'0700' if path == folder else '0600'} on a writable disk"
            )


def stamp_of(path: Path) -> int:
    """Return the number of the installation in a file; 0 for a missing, new or older file."""
    if not path.exists() or not path.stat().st_size:
        return 0
    with opened(path) as db:
        return int(db.execute("PRAGMA application_id").fetchone()[0])


def stamp(path: Path, number: int) -> None:
    """Write the number of the installation into a file."""
    with opened(path, write=True) as db:
        db.execute(f"PRAGMA application_id = {number:d}")


def highest(path: Path, queries: tuple[str, ...]) -> int | None:
    """Return the highest result of the queries, 0 for none or a missing table; None for a missing file."""
    if not path.exists():
        return None
    found = [0]
    with opened(path) as db:
        for query in queries:
            try:
                found.append(db.execute(query).fetchone()[0] or 0)
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
    return max(found)


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Yield a connection. Raises FolderMismatch if the file is no database, damaged or locked."""
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        with damage_named(path):
            if not write:
                db.execute("PRAGMA query_only = 1")
            yield db
    finally:
        db.close()


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Raise FolderMismatch, with the path and the action, for a damaged or locked SQLite file."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)  # of an error of SQLAlchemy, which is not loaded here
        if isinstance(cause, UnicodeDecodeError):
            raise FolderMismatch(damaged(path, "unreadable text")) from error
        if not isinstance(cause, sqlite3.DatabaseError):
            raise
        reason = str(cause).splitlines()[0]
        if not isinstance(cause, sqlite3.OperationalError):
            raise FolderMismatch(damaged(path, reason)) from error
        if "locked" in reason:
            raise FolderMismatch(locked(path, reason)) from error
        raise


def damaged(path: Path, reason: str) -> str:
    """Return the sentence about a damaged file."""
    return (
        f"{path} is damaged ({reason}); restore it from a backup, or set it aside with "
        f"`twinward recover --set-aside {path.name}`"
    )


def locked(path: Path, reason: str) -> str:
    """Return the sentence about a file that another program holds."""
    return f"{path} is held by another program ({reason}); end that program, then start again"


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
