"""The detection log: what the detectors found, which telemetry it came from, and their saved state."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import zstandard

import detectors
from detectors import DetectionBatch
from ingest import Priority

from .chain import Block, Chain, Lane, Stored
from .verify import Report

SNAPSHOTS = 2

_LANES = {Priority.ORDINARY: "source >= 0", Priority.URGENT: "source < 0"}
_INDEX = f"CREATE INDEX IF NOT EXISTS urgent_detections ON entries (seq) WHERE {_LANES[Priority.URGENT]};"
_SCHEMA = """
DROP TABLE IF EXISTS snapshots;
CREATE TABLE IF NOT EXISTS states (
  id INTEGER PRIMARY KEY AUTOINCREMENT, stage TEXT NOT NULL, source INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS judged (stage TEXT PRIMARY KEY, source INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class DetectionEntry:
    """One batch of detections; source: position in the telemetry log of the batch that they were decided on."""

    seq: int
    source: int
    detections: DetectionBatch
    priority: Priority = Priority.ORDINARY


class DetectionLog:
    """One SQLite file. Appending is for the detecting process; reading is for any thread and process.

    In the chain the source of an urgent entry stands with its sign turned.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int]) -> None:
        self._chain = Chain(path, clock=clock, schema=_INDEX + _SCHEMA)

    def append(
        self, detections: DetectionBatch, *, source: int, stage: str, priority: Priority = Priority.ORDINARY
    ) -> int:
        """Position of the new entry, durable on return, with the note that this stage has spoken on `source` (from 1).

        Raises sqlite3.OperationalError when the disk refuses.
        """
        plain = detectors.encode(detections)
        block = zstandard.ZstdCompressor(level=3).compress(plain)

        def with_entry(db: sqlite3.Connection, _seq: int) -> None:
            db.execute("INSERT OR REPLACE INTO judged VALUES (?, ?)", (stage, source))

        signed = -source if priority is Priority.URGENT else source
        return self._chain.append([Block(block, sha256(plain).hexdigest()[:32], signed)], with_entry=with_entry)

    def read(self, after: int, *, limit: int = 64) -> list[DetectionEntry]:
        """The entries behind position `after`, in order, at most `limit`."""
        return [_entry(stored) for stored in self._chain.entries(after, limit)]

    def lane(self, priority: Priority) -> Lane[DetectionEntry]:
        """The entries of one priority, as a log of their own."""
        return Lane(self._chain, _LANES[priority], _entry)

    def head(self) -> int:
        """The last position; 0 when nothing was ever written."""
        return self._chain.last().seq

    def source(self, stage: str) -> int:
        """The last position in the telemetry log on which that stage found something; 0 when there is none."""
        with self._chain.reading() as db:
            row = db.execute("SELECT source FROM judged WHERE stage = ?", (stage,)).fetchone()
        return int(row[0]) if row else 0

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry behind `after` (True) or the time is over (False)."""
        return self._chain.wait(after, timeout_s)

    def snapshot(self, source: int, state: bytes, *, stage: str) -> None:
        """Keep a stage's state after telemetry position `source`; its two newest stay."""
        with self._chain.changing() as db:
            db.execute("INSERT INTO states (stage, source, state) VALUES (?, ?, ?)", (stage, source, state))
            old = "SELECT id FROM states WHERE stage = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
            db.execute(f"DELETE FROM states WHERE id IN ({old})", (stage, SNAPSHOTS))  # noqa: S608 - constants

    def latest_snapshot(self, stage: str) -> tuple[int, bytes] | None:
        """Source position and state that a stage saved last, or None."""
        with self._chain.reading() as db:
            row: tuple[int, bytes] | None = db.execute(
                "SELECT source, state FROM states WHERE stage = ? ORDER BY id DESC LIMIT 1", (stage,)
            ).fetchone()
        return row

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Drop entries that are too old or too many, none behind `up_to` (the slowest reader); see `Chain.retain`."""
        return self._chain.retain(before_ns=before_ns, up_to=up_to, bytes_max=bytes_max)

    def verify(self, *, known: tuple[int, str] | None = None) -> Report:
        """Whether every entry is as it was written; known: a position and digest that was kept elsewhere."""
        return self._chain.verify(known=known)

    def close(self) -> None:
        """Let go of the file."""
        self._chain.close()


def _entry(stored: Stored) -> DetectionEntry:
    found = detectors.decode(zstandard.ZstdDecompressor().decompress(stored.block))
    priority = Priority.URGENT if stored.source < 0 else Priority.ORDINARY
    return DetectionEntry(stored.seq, abs(stored.source), found, priority)
