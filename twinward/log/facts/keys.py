"""Message-key table: keys of the newest messages, for de-duplication after a restart."""

from __future__ import annotations

from array import array
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ingest import MessageKeys
from twinward.log.entries import Database

KEY_BYTES = 8


class KeysTable:
    """Stores `MessageKeys`, one row per batch. At least `keys_max` keys stay, at most one batch more."""

    fact: ClassVar = MessageKeys
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS keys (seq INTEGER PRIMARY KEY, number INTEGER NOT NULL, keys BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS kept_keys (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL) STRICT;
INSERT INTO kept_keys VALUES (1, 0) ON CONFLICT DO NOTHING;
"""

    def __init__(self, keys_max: int) -> None:
        self._keys_max = keys_max

    def put(self, db: Database, seq: int, fact: MessageKeys) -> None:
        """Insert the keys of a batch, and delete the oldest batches' keys beyond the bound."""
        keys = fact.keys
        db.execute("INSERT INTO keys VALUES (?, ?, ?)", (seq, len(keys), array("q", keys).tobytes()))
        (number,) = db.execute("UPDATE kept_keys SET number = number + ? RETURNING number", (len(keys),)).fetchone()
        gone = 0
        for old, size in db.execute("SELECT seq, number FROM keys ORDER BY seq").fetchmany(1_000):
            if number - gone - size < self._keys_max:
                break
            db.execute("DELETE FROM keys WHERE seq = ?", (old,))
            gone += size
        if gone:
            db.execute("UPDATE kept_keys SET number = number - ?", (gone,))

    def load(self, db: Database, limit: int = 1 << 62) -> NDArray[np.int64]:
        """Return the newest keys, at most `limit`, oldest first."""
        runs: list[bytes] = []
        size = 0
        for (blob,) in db.execute("SELECT keys FROM keys ORDER BY seq DESC"):
            runs.append(blob)
            size += len(blob)
            if size >= limit * KEY_BYTES:
                break
        keys = np.frombuffer(b"".join(reversed(runs)), np.int64)
        return keys[max(0, len(keys) - limit) :]
