"""Memory table: state of decoders, device clocks and retained messages, by owner and key."""

from __future__ import annotations

from typing import ClassVar

from ingest import Memory
from ingest.devices.clocks import MEMORY as CLOCK_MEMORY
from ingest.devices.clocks import Clock, read_clock
from twinward.log.entries import Database


class MemoryTable:
    """Stores `Memory`. The column `format` holds the owner."""

    fact: ClassVar = Memory
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS memory (
  id INTEGER PRIMARY KEY, format TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, UNIQUE (format, key)) STRICT;
"""

    def put(self, db: Database, _seq: int, memory: Memory) -> None:
        """Insert, update and delete values. An updated value keeps its place in the order."""
        db.executemany(
            "DELETE FROM memory WHERE format = ? AND key = ?",
            [key for key, value in memory.values.items() if value is None],
        )
        db.executemany(
            "INSERT INTO memory (format, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (format, key) DO UPDATE SET value = excluded.value",
            [(*key, value) for key, value in memory.values.items() if value is not None],
        )

    def load(self, db: Database) -> list[tuple[str, str, bytes]]:
        """Return (owner, key, value) in the order in which the keys first appeared."""
        return db.execute("SELECT format, key, value FROM memory ORDER BY id").fetchall()

    def value(self, db: Database, owner: str, key: str) -> bytes | None:
        """Return one value, or None."""
        row = db.execute("SELECT value FROM memory WHERE format = ? AND key = ?", (owner, key)).fetchone()
        return None if row is None else bytes(row[0])

    def clocks(self, db: Database) -> list[tuple[int, Clock]]:
        """Return catalogue code and clock of every sensor whose clock has an offset, codes ascending."""
        stored = db.execute("SELECT key, value FROM memory WHERE format = ?", (CLOCK_MEMORY,)).fetchall()
        found = [(int(key), read_clock(value)) for key, value in stored]
        return sorted((code, clock) for code, clock in found if clock is not None)
