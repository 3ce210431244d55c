"""Spool table: blocks of undecoded messages that wait for a less loaded time."""

from __future__ import annotations

from typing import ClassVar

from ingest import SpoolChanges, Spooled
from twinward.log.entries import Database


class SpoolTable:
    """Stores `SpoolChanges`."""

    fact: ClassVar = SpoolChanges
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS spool (
  id INTEGER PRIMARY KEY AUTOINCREMENT, arrival_ns INTEGER NOT NULL, packed BLOB NOT NULL) STRICT;
"""

    def put(self, db: Database, _seq: int, changes: SpoolChanges) -> None:
        """Insert the new blocks and delete the decoded ones."""
        db.executemany("INSERT INTO spool (arrival_ns, packed) VALUES (?, ?)", changes.added)
        db.executemany("DELETE FROM spool WHERE id = ?", [(number,) for number in changes.removed])

    def load(self, db: Database) -> int:
        """Return the number of blocks in the spool."""
        return int(db.execute("SELECT count(*) FROM spool").fetchone()[0])

    def next(self, db: Database, after: int) -> Spooled | None:
        """Return the first block with an id above `after`, or None."""
        query = "SELECT id, arrival_ns, packed FROM spool WHERE id > ? ORDER BY id LIMIT 1"
        row = db.execute(query, (after,)).fetchone()
        return None if row is None else Spooled._make(row)
