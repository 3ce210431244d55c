"""Schema versions of a log file: ordered migrations, applied when the file is opened.

`PRAGMA user_version` holds the version. Version 0 is an empty file, or a file of release 0.1.0, which has no version.
The migrations of a log lead from each version to the next. All missing ones run in one transaction, so a file has
either its old version or the present one. A file of a later release is refused before anything is written to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from twinward.errors import LogVersionError

Migration = Callable[[sqlite3.Connection], None]
"""One step to the next version. It runs inside a transaction: execute single statements, never `executescript`."""


def script(text: str) -> Migration:
    """Return a migration that executes the statements of an SQL script in order.

    >>> db = sqlite3.connect(":memory:")
    >>> script("CREATE TABLE a (x TEXT DEFAULT ';'); INSERT INTO a (x) VALUES ('b;c');")(db)
    >>> db.execute("SELECT x FROM a").fetchone()
    ('b;c',)
    """
    lines = statements(text)

    def migrate(db: sqlite3.Connection) -> None:
        for statement in lines:
            db.execute(statement)

    return migrate


def version(db: sqlite3.Connection) -> int:
    """Return the schema version of a file; 0 when it is empty or stores none."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def upgrade(db: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """Apply the missing migrations in one transaction; do nothing when the file is current.

    migrations: step n leads from version n to version n + 1. db: in autocommit mode; another process may upgrade the
    same file at the same time. Raises LogVersionError when the file has a later version, and any error of a migration,
    which leaves the file as it was.
    """
    if _checked_version(db, path, migrations) == len(migrations):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for migrate in migrations[_checked_version(db, path, migrations) :]:
            migrate(db)
        db.execute(f"PRAGMA user_version = {len(migrations):d}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.rollback()
        raise


def _checked_version(db: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> int:
    found = version(db)
    if not 0 <= found <= len(migrations):
        raise LogVersionError(path, found, len(migrations))
    return found


def statements(text: str) -> list[str]:
    """Return the statements of an SQL script in order. Raises ValueError for one without an end."""
    found, start = list[str](), 0
    for end, character in enumerate(text, 1):
        if character == ";" and sqlite3.complete_statement(text[start:end]):
            found.append(text[start:end].strip())
            start = end
    if text[start:].strip():
        raise ValueError(f"SQL script ends inside a statement: {text[start:].strip()!r}; end each statement with ';'")
    return found
