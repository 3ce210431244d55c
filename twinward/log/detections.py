"""Detection log: detections in two lanes, their telemetry positions, and states of the stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import zstandard

import detectors
from detectors import DetectionBatch
from ingest import Priority

from .anchors import ANCHOR_SCHEMA, ANCHOR_TABLES, Anchors
from .entries import Block, Database, Lane, Stored
from .opening import open_chain
from .server import ServerLog
from .verify import Report
from .versions import script

SNAPSHOTS = 2

_STATES = """
CREATE TABLE IF NOT EXISTS states (
  id INTEGER PRIMARY KEY AUTOINCREMENT, stage TEXT NOT NULL, source INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
"""
_PRESENT = f"""
CREATE INDEX urgent_detections ON entries (seq) WHERE lane = 1;
{_STATES}
CREATE TABLE scored (stage TEXT PRIMARY KEY, source INTEGER NOT NULL) STRICT;
{ANCHOR_SCHEMA}
"""
"""Tables of a log that begins with the present version, on a server."""
_SCORED = "INSERT INTO scored VALUES (?, ?) ON CONFLICT (stage) DO UPDATE SET source = excluded.source"

_SCHEMA = f"""
CREATE INDEX IF NOT EXISTS urgent_detections ON entries (seq) WHERE source < 0;
DROP TABLE IF EXISTS snapshots;
{_STATES}
CREATE TABLE IF NOT EXISTS judged (stage TEXT PRIMARY KEY, source INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_LANE_COLUMN = """
DROP INDEX urgent_detections;
ALTER TABLE entries ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
UPDATE entries SET lane = 1, source = -source WHERE source < 0;
CREATE INDEX urgent_detections ON entries (seq) WHERE lane = 1;
ALTER TABLE judged RENAME TO scored;
INSERT OR IGNORE INTO scored SELECT 'detect_offline', source FROM scored WHERE stage = 'detect';
"""
"""Version 2: a lane column replaces the sign of `source`; offline detections so far are those of `detect`."""


_FUSION = """
INSERT OR IGNORE INTO scored SELECT 'detect_fusion', source FROM scored WHERE stage = 'detect_urgent';
"""
"""Version 3: fusion starts at the write position of the urgent stage, so that kept readings raise no old findings."""


@dataclass(frozen=True, slots=True)
class DetectionEntry:
    """One batch of detections; source: telemetry position of the entry that decided them; priority: the lane.

    written_ns: wall clock at its writing.
    """

    seq: int
    source: int
    detections: DetectionBatch
    priority: Priority = Priority.ORDINARY
    written_ns: int = 0


class DetectionLog:
    """One SQLite file, or tables of a server. The detecting process appends; any thread and process reads.

    The digest of an entry covers its source with a negative sign in the urgent lane, in every schema version.
    """

    def __init__(self, place: Path | ServerLog, *, clock: Callable[[], int]) -> None:
        self._chain = open_chain(
            place,
            clock=clock,
            schema=_SCHEMA,
            migrations=(script(_LANE_COLUMN), script(_FUSION), ANCHOR_TABLES),
            present=_PRESENT,
            lanes=True,
        )
        self.anchors = Anchors(self._chain)

    def append(
        self, detections: DetectionBatch, *, source: int, stage: str, priority: Priority = Priority.ORDINARY
    ) -> int:
        """Return the position of the new entry, durable together with the write position of the stage.

        source: telemetry position, from 1. Raises sqlite3.OperationalError when the disk is full or the file is locked.
        """
        plain = detectors.encode(detections)
        block = zstandard.ZstdCompressor(level=3).compress(plain)

        def with_entry(db: Database, _seq: int) -> None:
            db.execute(_SCORED, (stage, source))

        return self._chain.append(
            [Block(block, sha256(plain).hexdigest()[:32], source, lane=priority)], with_entry=with_entry
        )

    def read(self, after: int, *, limit: int = 64) -> list[DetectionEntry]:
        """Return at most `limit` entries after position `after`, in order."""
        return [_entry(stored) for stored in self._chain.entries(after, limit)]

    def lane(self, priority: Priority) -> Lane[DetectionEntry]:
        """Return the entries of one lane as a log of their own."""
        return Lane(self._chain, f"lane = {priority:d}", _entry)

    def before(self, written_ns: int) -> int:
        """Return the last position that was written before a time; 0 for none."""
        with self._chain.reading() as db:
            row = db.execute("SELECT coalesce(max(seq), 0) FROM entries WHERE written_ns < ?", (written_ns,)).fetchone()
        return int(row[0])

    def tip(self) -> tuple[int, str]:
        """Return the last position and its digest in hexadecimal."""
        last = self._chain.last()
        return last.seq, last.digest.hex()

    def head(self) -> int:
        """Return the last position; 0 before the first entry."""
        return self._chain.last().seq

    def source(self, stage: str) -> int:
        """Return the write position of a stage: the last telemetry position with a detection; 0 for none."""
        with self._chain.reading() as db:
            row = db.execute("SELECT source FROM scored WHERE stage = ?", (stage,)).fetchone()
        return int(row[0]) if row else 0

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry after `after` (True) or the time is over (False)."""
        return self._chain.wait(after, timeout_s)

    def snapshot(self, source: int, state: bytes, *, stage: str) -> None:
        """Write a stage's state at telemetry position `source` and keep its two newest."""
        with self._chain.changing(owned=True) as db:
            db.execute("INSERT INTO states (stage, source, state) VALUES (?, ?, ?)", (stage, source, state))
            newest = "SELECT id FROM states WHERE stage = ?1 ORDER BY id DESC LIMIT ?2"
            db.execute(f"DELETE FROM states WHERE stage = ?1 AND id NOT IN ({newest})", (stage, SNAPSHOTS))  # noqa: S608 - constants

    def latest_snapshot(self, stage: str) -> tuple[int, bytes] | None:
        """Return the telemetry position and state that a stage saved last, or None."""
        with self._chain.reading() as db:
            row: tuple[int, bytes] | None = db.execute(
                "SELECT source, state FROM states WHERE stage = ? ORDER BY id DESC LIMIT 1", (stage,)
            ).fetchone()
        return row

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Drop entries that are too old or too many, none after `up_to` (the slowest reader); see `Chain.retain`."""
        return self._chain.retain(before_ns=before_ns, up_to=up_to, bytes_max=bytes_max)

    def verify(self, *, known: Sequence[tuple[int, str]] = ()) -> Report:
        """Return whether every entry is as it was written; known: positions and digests stored elsewhere."""
        return self._chain.verify(known=known)

    def close(self) -> None:
        """Close the file."""
        self._chain.close()


def _entry(stored: Stored) -> DetectionEntry:
    found = detectors.decode(zstandard.ZstdDecompressor().decompress(stored.block))
    return DetectionEntry(stored.seq, stored.source, found, Priority(stored.lane), stored.written_ns)
