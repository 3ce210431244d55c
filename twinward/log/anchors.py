"""Anchors of the detection log: states of the stages from which a later alarm can be replayed.

An anchor has the state of a stage after telemetry position `source`, and the configuration that is valid from the
position `since` on. It is made once a day and at each change of the configuration. A configuration is kept once.
"""

from __future__ import annotations

from dataclasses import dataclass

import zstandard

from .entries import EntryChain
from .versions import script

BYTES_SHARE = 10
"""Anchors use at most this part of the log's size, beyond the newest of each stage and those of open alarms."""

ANCHOR_SCHEMA = """
CREATE TABLE anchors (
  id INTEGER PRIMARY KEY AUTOINCREMENT, stage TEXT NOT NULL, source INTEGER NOT NULL, since INTEGER NOT NULL,
  made_ns INTEGER NOT NULL, configuration TEXT NOT NULL, state BLOB NOT NULL) STRICT;
CREATE TABLE configurations (digest TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
ANCHOR_TABLES = script(ANCHOR_SCHEMA)
"""Version 4 of the detection log."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """State of a stage. since: last position with detections of an earlier configuration."""

    id: int
    source: int
    since: int
    made_ns: int
    configuration: str


class Anchors:
    """Anchors of one detection log."""

    def __init__(self, chain: EntryChain) -> None:
        self._chain = chain

    def add(
        self, stage: str, *, source: int, since: int, made_ns: int, configuration: tuple[str, bytes], state: bytes
    ) -> None:
        """Keep a state durably. configuration: digest and body."""
        digest, body = configuration
        pack = zstandard.ZstdCompressor(level=3).compress
        values = (stage, source, since, made_ns, digest, pack(state))
        with self._chain.changing(owned=True) as db:
            db.execute("INSERT INTO configurations VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, pack(body)))
            db.execute(
                "INSERT INTO anchors (stage, source, since, made_ns, configuration, state) VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )

    def of(self, stage: str) -> list[Anchor]:
        """Return the anchors of a stage, the oldest first."""
        query = "SELECT id, source, since, made_ns, configuration FROM anchors WHERE stage = ? ORDER BY id"
        with self._chain.reading() as db:
            return [Anchor(*row) for row in db.execute(query, (stage,)).fetchall()]

    def before(self, stage: str, source: int) -> Anchor | None:
        """Return the newest anchor from which the detections of a telemetry position follow."""
        fitting = [one for one in self.of(stage) if one.since < source]
        return fitting[-1] if fitting else None

    def state(self, anchor: Anchor) -> tuple[bytes, bytes]:
        """Return the state and the body of the configuration of an anchor."""
        query = "SELECT state, body FROM anchors JOIN configurations ON digest = configuration WHERE id = ?"
        with self._chain.reading() as db:
            row = db.execute(query, (anchor.id,)).fetchone()
        unpack = zstandard.ZstdDecompressor().decompress
        return unpack(row[0]), unpack(row[1])

    def retain(self, *, first: int, needed_ns: int | None, bytes_max: int) -> int:
        """Drop anchors that no kept entry follows, then the oldest beyond a size; return their number.

        first: first kept telemetry position. needed_ns: decision of the oldest open alarm; its anchor stays, and those
        after it. The newest of each stage stays.
        """
        with self._chain.changing() as db:
            query = "SELECT id, stage, source, made_ns, length(state) FROM anchors ORDER BY id"
            rows = db.execute(query).fetchall()
            newest = {stage: number for number, stage, *_ in rows}
            kept_from = (
                {
                    stage: max((n for n, s, _, at, _ in rows if s == stage and at < needed_ns), default=0)
                    for stage in newest
                }
                if needed_ns is not None
                else {}
            )
            free = [
                row
                for row in rows
                if row[0] != newest[row[1]] and not (row[1] in kept_from and row[0] >= kept_from[row[1]])
            ]
            drop = [row for row in free if row[2] < first - 1]
            size = sum(row[4] for row in rows) - sum(row[4] for row in drop)
            for row in free:
                if size <= bytes_max:
                    break
                if row not in drop:
                    drop.append(row)
                    size -= row[4]
            db.executemany("DELETE FROM anchors WHERE id = ?", [(row[0],) for row in drop])
            db.execute("DELETE FROM configurations WHERE digest NOT IN (SELECT configuration FROM anchors)")
        return len(drop)
